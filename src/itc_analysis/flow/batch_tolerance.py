"""What makes tubes comparable: how many, and how closely they can be expected to agree."""

#: Fewer tubes neither judge a cut nor show how far cuts lie apart.
MIN_TUBES = 3
#: Cuts of one batch are never taken to agree better than this, transformed units: about 10 % of
#: the intensity on a scale of 4.5 decades, the drift of a stable cytometer within a day.
MIN_SPREAD = 0.01
