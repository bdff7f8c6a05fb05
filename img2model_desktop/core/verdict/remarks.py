"""All remarks, in the order in which equally bad findings are told."""

from img2model_desktop.core.verdict.remark import Remarks
from img2model_desktop.core.verdict.remarks_body import BODY
from img2model_desktop.core.verdict.remarks_look import LOOK
from img2model_desktop.core.verdict.remarks_print import PRINTING

REMARKS: Remarks = {**BODY, **PRINTING, **LOOK}
"""By the key of the limits."""
