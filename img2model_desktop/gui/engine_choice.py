"""A list of engines to choose from; those that lack their weights are in it and cannot be chosen."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel

from img2model_desktop.core.request import AUTO, Quality
from img2model_desktop.engines.base import EngineSpec, build_options, memory_in_words
from img2model_desktop.gui.controls import CalmComboBox


class EngineChoice(CalmComboBox):
    """One engine of several.

    Args:
        name: for screen readers.
        specs: to choose from, in their order.
        auto: what "Auto" does, one sentence; "" where there is no such choice.
    """

    def __init__(self, name: str, specs: Sequence[EngineSpec], auto: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._specs = tuple(specs)
        self._missing: Mapping[str, str] = {}
        self._auto = auto
        if auto:
            self.addItem("Auto", AUTO)
        for spec in specs:
            self.addItem(spec.title, spec.key)
        self.set_missing({})

    @property
    def key(self) -> str:
        """Of the one that is chosen."""
        return str(self.currentData())

    @property
    def spec(self) -> EngineSpec | None:
        """The one that is chosen; None for Auto."""
        return next((spec for spec in self._specs if spec.key == self.key), None)

    @property
    def summary(self) -> str:
        """What the chosen one is good for, one sentence."""
        return self.spec.summary if self.spec else self._auto

    @property
    def missing(self) -> str:
        """Why the chosen one cannot run, one sentence, or ""."""
        return self._missing.get(self.key, "")

    def choose(self, key: str) -> None:
        """Another one; the first where there is none with that key."""
        self.setCurrentIndex(max(0, self.findData(key)))

    def set_missing(self, missing: Mapping[str, str]) -> None:
        """Which engines lack their weights: a sentence by engine key."""
        self._missing = missing
        items = self.model()
        assert isinstance(items, QStandardItemModel)
        for number in range(items.rowCount()):
            item = items.item(number)
            key = item.data(Qt.ItemDataRole.UserRole)
            spec = next((spec for spec in self._specs if spec.key == key), None)
            if spec is None:
                item.setToolTip(self._auto)
                continue
            is_missing = spec.key in missing
            item.setEnabled(not is_missing)
            item.setToolTip(missing.get(spec.key, f"{spec.summary} {_needs(spec)}"))
            item.setText(f"{spec.title} (needs weights)" if is_missing else spec.title)


def _needs(spec: EngineSpec) -> str:
    """The memory that an engine needs, one sentence."""
    return memory_in_words(spec, build_options(spec, Quality.STANDARD, {})).partition(" With less")[0]
