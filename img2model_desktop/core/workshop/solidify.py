"""Makes one closed solid of any mesh."""

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import SolidOptions
from img2model_desktop.core.workshop.operation import Outcome


def solidify(mesh: Mesh, options: SolidOptions, progress: Progress) -> Outcome:
    """A closed, manifold solid whose faces look outwards."""
    raise NotImplementedError
