"""Is the clean model right? Its clean score against the best constant answer and the likely mistakes of wiring.

A network that is fed or read wrongly gives an attack figures like any other. Whether it is shows before the attack: if
its clean score rises by far where images are fed, classes numbered or boxes read in another way, that other way is how
the network is meant. Forward passes alone, on a few images.
"""

from foolscape.run.wiring.check import check_wiring, examine
from foolscape.run.wiring.reasons import wiring_reasons

__all__ = ["check_wiring", "examine", "wiring_reasons"]
