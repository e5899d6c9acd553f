"""The colours of all pictures: a group has the same one everywhere, by its place among the study's
groups.
"""

#: Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart by the colour-blind as
#: well.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
