"""From what a user's factory made to a tracker that is ready to be attacked."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from foolscape.errors import ModelError
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.wiring import IMAGE_OPTIONS, wiring_of
from foolscape.models.trackers import user
from foolscape.spec import Spec
from foolscape.tasks.video import Follower


def tracker_of(model: object, spec: Spec, wanted: Conditions) -> user.UserTracker:
    """The tracker of what a file, a module or a plug-in made, wired as `spec` says.

    Raises:
        SettingError: an option does not fit.
        ModelError: it is no network or tracker, or does not keep to the protocol.
    """
    if not isinstance(model, nn.Module | Follower):
        raise ModelError(
            f"expected {spec.text} to return a tracker, a torch.nn.Module or an object with a method propagate(frames, "
            f"first_mask), got {type(model).__name__}"
        )
    tracker = user.adapt_tracker(model, image_size=wanted.image_size, device=wanted.device)
    wiring = wiring_of(spec, *IMAGE_OPTIONS)
    return replace(tracker, wiring=wiring, notes=(*tracker.notes, *wiring.notes))
