"""How attacks run: steps of a batch, images that come and go, the best iterate. No attack is named here."""
