"""Of which policy the research zone is: nobody reads what more than one made, or one that has changed since.

A run writes down its policy before its first resource. From then until a run has ended, the zone may hold resources of
the policy before it too, and is closed to readers; a run that was stopped or killed leaves it closed. When a run under
another policy ends, what the one before left (deleted resources, earlier versions, files of tables) is gone for good.

Under a policy with targets each run generalizes by a plan of its own, so that it closes the zone as a run under another
policy does: two plans together, or one half written, may miss the targets. It stays closed where they are missed.

The same holds for names: while the zone may hold those of two epochs or projects, each patient may stand there twice,
and whoever read both could link them.
"""

from collections.abc import Iterable

from careloom.deid.policy import SHIPPED, Policy, packaged_policy
from careloom.errors import StateError
from careloom.services import own_policies
from careloom.services.platform import Platform
from careloom.store.vault import Epoch
from careloom.store.zone_policy import ZonePolicy, policies_of


def mark_of(policy: Policy, run: str) -> ZonePolicy:
    """What stands in the zone for a policy."""
    return ZonePolicy(policy.name, policy.version, policy.digest, run)


def require_one_current_policy(platform: Platform) -> None:
    """Returns when all that the research zone holds is of one policy, as that policy is now, and named under one epoch.

    raises  StateError
    """
    if not platform.has_store("research"):
        return
    with platform.store("research").connect() as connection:
        known = policies_of(connection)
    if len(known) > 1:
        raise StateError(
            "the research zone is being made under another policy or under targets, or such a run was stopped",
            "Run careloom deidentify to its end.",
        )
    if known and not _is_current(platform, known[0]):
        raise StateError(
            "the research zone was made under a policy that has changed since", "Run careloom deidentify to its end."
        )
    if not platform.has_store("identified"):
        return
    with platform.store("identified").vault() as reader:
        epochs = reader.epochs()
    if sum(may_be_in_zone(one, epochs) for one in epochs) > 1:
        raise StateError(
            "the research zone is being named anew, or such a run was stopped: it may hold names of two epochs",
            "Run careloom deidentify to its end.",
        )


def may_be_in_zone(epoch: Epoch, known: Iterable[Epoch]) -> bool:
    """True unless a run under another epoch ended after the last one under this began: it removed what was there."""
    if epoch.begun is None:
        return False
    others = [one.finished for one in known if (one.project, one.epoch) != (epoch.project, epoch.epoch)]
    return not any(finished > epoch.begun for finished in others if finished is not None)


def _is_current(platform: Platform, policy: ZonePolicy) -> bool:
    if policy.name in SHIPPED:
        return packaged_policy(policy.name).digest == policy.digest
    return own_policies.is_current(platform, policy.digest)
