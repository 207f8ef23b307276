"""What a data set was understood to be, for people to look at before they believe a figure."""
