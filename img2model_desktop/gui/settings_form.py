"""The part of the input panel below the picture: engine, quality, size, seed, more options."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from img2model_desktop.core.request import AUTO, OptionValue, Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role, build_options
from img2model_desktop.gui.controls import CalmSpinBox, Fold, NumberField, Segments, label
from img2model_desktop.gui.engine_choice import EngineChoice
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.options_form import OptionsForm
from img2model_desktop.gui.theme import SPACE

_SIZES_MM = (1.0, 10_000.0)
_AUTO_SUMMARY = "Looks at the outline, chooses the engine that fits, and says why."
_QUALITIES = (
    (Quality.DRAFT, "Draft", "Few triangles, small texture: for a first look"),
    (Quality.STANDARD, "Standard", "For games and renders"),
    (Quality.HIGH, "High", "Many triangles, large texture: for print and close-ups"),
)


class SettingsForm(QWidget):
    """How to turn the picture into a mesh.

    Signals:
        changed: the user changed something.
        maker_changed: an option of the picture maker changed, so that the made picture may look different.
        weights_wished: (str) the user wants to bring weights: for the engine with this key, or "" for any.
    """

    changed = Signal()
    maker_changed = Signal()
    weights_wished = Signal(str)

    def __init__(self, icons: Icons, size_mm: float) -> None:
        super().__init__()
        self._icons = icons
        self._forms: dict[str, OptionsForm] = {}
        self._maker: EngineSpec | None = None
        self._redraws = False
        self._missing: dict[str, str] = {}
        self._build(size_mm)
        self._rebuild_options({})
        self._describe_engine()
        self.engine.currentIndexChanged.connect(self._on_engine_changed)
        self.cutter.currentIndexChanged.connect(self._on_engine_changed)
        self.quality.chosen.connect(self._on_quality_chosen)
        self.size_mm.changed.connect(lambda: self.changed.emit())
        self.seed.valueChanged.connect(self._on_seed_changed)

    # What the panel asks

    @property
    def engine_key(self) -> str:
        return self.engine.key

    @property
    def cutter_spec(self) -> EngineSpec:
        """The cutter in use."""
        return self.cutter.spec or catalog.of_role(Role.CUTTER)[0]

    @property
    def seed_value(self) -> int:
        """The seed, or 0 where no engine in use draws random numbers."""
        return self.seed.value() if self._has_seed() else 0

    def apply_to(self, request: Request) -> Request:
        """The request with everything that this form holds."""
        return replace(
            request,
            engine=self.engine_key,
            cutter=self.cutter.key,
            quality=Quality(self.quality.value),
            seed=self.seed_value,
            size_mm=self.size_mm.value,
            options=tuple(sorted(self._options().items())),
            falls_back=self.falls_back.isChecked(),
        )

    def options_of(self, spec: EngineSpec) -> Any:
        """The whole option record of an engine whose form is shown."""
        form = self._forms.get(spec.key)
        return build_options(spec, Quality(self.quality.value), form.given() if form else {})

    # What the panel does

    def load(self, request: Request) -> None:
        """Shows what a request holds. No signal but one `changed` at the end."""
        with QSignalBlocker(self.engine), QSignalBlocker(self.cutter), QSignalBlocker(self.seed):
            self.engine.choose(request.engine)
            self.cutter.choose(request.cutter)
            self.seed.setValue(request.seed)
        with QSignalBlocker(self.falls_back):
            self.falls_back.setChecked(request.falls_back)
        self.quality.set_value(request.quality)
        self.size_mm.set_value(request.size_mm)
        self._redraws = request.restyle
        uses_maker = request.restyle or not request.picture
        self._maker = next((s for s in catalog.of_role(Role.MAKER) if uses_maker and s.key == request.maker), None)
        self._rebuild_options(dict(request.options))
        self._describe_engine()
        self.maker_changed.emit()
        self.changed.emit()

    def set_missing(self, missing: Mapping[str, str]) -> None:
        """Which engines lack their weights: a sentence by engine key. They stay in the list and cannot be chosen."""
        self._missing = dict(missing)
        self.engine.set_missing(missing)
        self.cutter.set_missing(missing)
        self._describe_engine()
        self.changed.emit()

    def missing_reason(self) -> str:
        """Why the chosen engines cannot run, with what to do, or ""."""
        reason = self.engine.missing or self.cutter.missing
        return f"{reason} Import them, or choose another engine." if reason else ""

    def set_maker(self, maker: EngineSpec | None, redraws: bool = False) -> None:
        """The picture maker that is in the job, whose options are shown; and whether it redraws a picture."""
        if (maker, redraws) != (self._maker, self._redraws):
            self._maker, self._redraws = maker, redraws
            self._rebuild_options(self._options())

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.more.retint()
        for form in self._forms.values():
            form.retint()

    # Building

    def _build(self, size_mm: float) -> None:
        self.engine = EngineChoice("Engine", catalog.of_role(Role.SCULPTOR), _AUTO_SUMMARY)
        self.cutter = EngineChoice("Background remover", catalog.of_role(Role.CUTTER))
        self._cutter_label = label("Background", "dim")
        self._summary = label("", "dim", wrap=True)
        self.weights_button = QToolButton()
        self.weights_button.setObjectName("section")
        self.weights_button.setVisible(any(spec.weights for spec in catalog.ENGINES))
        self.weights_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.weights_button.clicked.connect(self._on_weights_wished)
        self.quality = Segments([(str(q), text, tip) for q, text, tip in _QUALITIES], "Quality")
        self.quality.set_value(Quality.STANDARD)
        self.size_mm = NumberField("Size", *_SIZES_MM, 1.0, "mm")
        self.size_mm.setToolTip("Longest side of the mesh")
        self.size_mm.set_value(size_mm)
        self.seed = CalmSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("Another seed gives another result from the same picture")
        self._seed_label = label("Seed", "dim")
        self._options_box = QWidget()
        self._options_column = QVBoxLayout(self._options_box)
        self._options_column.setContentsMargins(0, 0, 0, 0)
        self._options_column.setSpacing(SPACE)
        self.falls_back = QCheckBox("A built-in engine may take over")
        self.falls_back.setAccessibleName("A built-in engine may take over")
        self.falls_back.setToolTip("When the chosen engine cannot do it; the result then says which engine made it")
        self.falls_back.toggled.connect(self.changed)
        inner = QWidget()
        inside = QVBoxLayout(inner)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        inside.addWidget(self._options_box)
        inside.addWidget(self.falls_back)
        self.more = Fold("More options", inner, self._icons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addLayout(self._lay_out())
        column.addWidget(self.more)

    def _lay_out(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnMinimumWidth(0, 56)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[QLabel | None, QWidget], ...] = (
            (label("Engine", "dim"), self.engine),
            (None, self._summary),
            (self._cutter_label, self.cutter),
            (None, self.weights_button),
            (label("Quality", "dim"), self.quality),
            (label("Size", "dim"), self.size_mm),
            (self._seed_label, self.seed),
        )
        for row, (caption, control) in enumerate(rows):
            if caption:
                caption.setBuddy(control)
                grid.addWidget(caption, row, 0)
            grid.addWidget(control, row, 1)
        return grid

    def _specs(self) -> list[EngineSpec]:
        """The engines whose options are shown: for Auto, what every sculptor lets the user set."""
        sculptors = catalog.of_role(Role.SCULPTOR)
        chosen = [spec for spec in sculptors if spec.key == self.engine_key] or [_common(sculptors)]
        makers = [self._maker] if self._maker else []
        return [spec for spec in (*makers, *chosen, self.cutter_spec) if self._shown(spec)]

    def _shown(self, spec: EngineSpec) -> frozenset[str]:
        """Names of the options to show: of a picture maker without those that have a place of their own."""
        names = _shown(spec)
        if spec.role is Role.MAKER:
            return names - {"pipeline"} if self._redraws else names - {"pipeline", "strength"}
        return names

    def _rebuild_options(self, options: Mapping[str, OptionValue]) -> None:
        while self._options_column.count():
            item = self._options_column.takeAt(0)
            old = item.widget() if item else None
            if old:
                old.hide()
                old.deleteLater()
        self._forms = {}
        specs = self._specs()
        for spec in specs:
            form = OptionsForm(
                spec.options,
                self._icons,
                self._preset(spec),
                self._shown(spec),
                "what the quality says",
                is_narrow=True,
            )
            form.set_given({name: value for name, value in _given(spec, options).items() if name in self._shown(spec)})
            form.changed.connect(self.changed)
            if spec.role is Role.MAKER:
                form.changed.connect(self.maker_changed)
            if len(specs) > 1:
                self._options_column.addWidget(label(spec.title, "title"))
            self._options_column.addWidget(form)
            self._forms[spec.key] = form
        self.seed.setVisible(self._has_seed())
        self._seed_label.setVisible(self._has_seed())

    def _preset(self, spec: EngineSpec) -> Mapping[str, OptionValue]:
        return spec.quality.get(Quality(self.quality.value), {})

    def _has_seed(self) -> bool:
        sculptors = [spec for spec in catalog.of_role(Role.SCULPTOR) if self.engine_key in (AUTO, spec.key)]
        makers = (self._maker,) if self._maker else ()
        return any(spec.uses_seed for spec in (*sculptors, *makers))

    def _options(self) -> dict[str, OptionValue]:
        """What the user changed, as `engine.option`; what is common to all sculptors goes to each."""
        options: dict[str, OptionValue] = {}
        for key, form in self._forms.items():
            keys = [spec.key for spec in catalog.of_role(Role.SCULPTOR)] if key == AUTO else [key]
            options.update({f"{owner}.{name}": value for owner in keys for name, value in form.given().items()})
        return options

    def _describe_engine(self) -> None:
        self._summary.setText(self.engine.summary)
        self.cutter.setToolTip(self.cutter.summary)
        for part in (self.cutter, self._cutter_label):
            part.setVisible(self.cutter.count() > 1)
        self.weights_button.setText("Import weights…" if self._missing else "Engines and weights…")
        self.weights_button.setToolTip("\n".join(dict.fromkeys(self._missing.values())) or "What each engine needs")

    @Slot()
    def _on_weights_wished(self) -> None:
        keys = [choice.key for choice in (self.engine, self.cutter) if choice.missing]
        self.weights_wished.emit(keys[0] if keys else "")

    @Slot()
    def _on_engine_changed(self) -> None:
        kept = {name.partition(".")[2]: value for name, value in self._options().items()}
        self._rebuild_options(kept)
        self._describe_engine()
        self.changed.emit()

    @Slot()
    def _on_seed_changed(self) -> None:
        if self._maker:
            self.maker_changed.emit()
        self.changed.emit()

    @Slot()
    def _on_quality_chosen(self) -> None:
        for spec in self._specs():
            self._forms[spec.key].set_preset(self._preset(spec))
        self.changed.emit()


def _common(sculptors: tuple[EngineSpec, ...]) -> EngineSpec:
    """A stand-in for Auto, whose form shows the options that every sculptor has."""
    return replace(sculptors[0], key=AUTO, title="Any engine")


def _shown(spec: EngineSpec) -> frozenset[str]:
    """Names of the options to show."""
    specs = catalog.of_role(Role.SCULPTOR) if spec.key == AUTO else (spec,)
    return frozenset.intersection(*(frozenset(_names(each.options)) for each in specs))


def _names(kind: type) -> set[str]:
    return {item.name for item in fields(kind)}


def _given(spec: EngineSpec, options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """The options of a request that belong to this engine, by plain name."""
    names = _shown(spec)
    found: dict[str, OptionValue] = {}
    for name, value in options.items():
        owner, _, plain = name.rpartition(".")
        if plain in names and (owner in ("", spec.key) or spec.key == AUTO):
            found[plain] = value
    return found
