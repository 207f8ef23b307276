"""Work spread over workers that come and go: keys are leased, answers collected, what is lost is leased anew."""
