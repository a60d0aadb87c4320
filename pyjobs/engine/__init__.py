"""What a call is: the scripts, their verbs and replies, as values.

Nothing here sends or waits. There is a file for each folder of lua/, and what those share.
Other folders import from here and not past it.
"""

from pyjobs.engine.acl import ROLES, commands, rules
from pyjobs.engine.call import Call
from pyjobs.engine.keys import REGISTER_SECONDS, Keys, cancel_channel
from pyjobs.engine.limits import CALL_BYTES, MAX_BYTES, MAX_ITEMS
from pyjobs.engine.modes import MODES, Mode, ModeName, mode_named
from pyjobs.engine.outcome import RELEASE, Outcome, Policy
from pyjobs.engine.queue import fetch, wake
from pyjobs.engine.recoverable import Recoverable
from pyjobs.engine.reliable import RELIABLE, Reliable
from pyjobs.engine.replies import Claimed, ClaimReply, Dead, Reaped, Stored, parse_submitted
from pyjobs.engine.scripts import Arg, Option, Script, everything, script
from pyjobs.engine.simple import SIMPLE
from pyjobs.engine.verbs import StoredVerbs

__all__ = [
    "CALL_BYTES",
    "MAX_BYTES",
    "MAX_ITEMS",
    "MODES",
    "REGISTER_SECONDS",
    "RELEASE",
    "RELIABLE",
    "ROLES",
    "SIMPLE",
    "Arg",
    "Call",
    "ClaimReply",
    "Claimed",
    "Dead",
    "Keys",
    "Mode",
    "ModeName",
    "Option",
    "Outcome",
    "Policy",
    "Reaped",
    "Recoverable",
    "Reliable",
    "Script",
    "Stored",
    "StoredVerbs",
    "cancel_channel",
    "commands",
    "everything",
    "fetch",
    "mode_named",
    "parse_submitted",
    "rules",
    "script",
    "wake",
]
