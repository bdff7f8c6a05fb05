"""The left panel: what to make a mesh of, and how; and the button that does it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from img2model_desktop.core.request import OptionValue, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.styles import NONE
from img2model_desktop.engines.weights.pipelines import Pipeline, no_pipeline
from img2model_desktop.gui.controls import Segments, label, rule
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import Caller
from img2model_desktop.gui.picture_source import PictureSource
from img2model_desktop.gui.prompt.restyle import RestyleLine
from img2model_desktop.gui.prompt.source import PromptSource
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.settings_form import SettingsForm
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.plan import DEFAULT_LIMITS, PICTURES, PictureLimits, cutter_step, problems

PICTURE, PROMPT = "picture", "prompt"
_BLOCKING = ("input",)  # kinds of trouble that a job would run into as well


class InputPanel(QWidget):
    """Makes the request that Generate turns into a job.

    Args:
        samples: pictures to try.
        size_mm: longest side of the mesh at first.
        limits: how large a picture may be.
        weights: folder of the library of published weights, or "".

    Signals:
        generate_wished: the user wants a job for each of these requests: a tuple of `Request`.
        browse_wished: the user wants to choose a file.
    """

    generate_wished = Signal(object)
    browse_wished = Signal()

    def __init__(
        self,
        caller: Caller,
        icons: Icons,
        samples: tuple[Path, ...],
        size_mm: float,
        limits: PictureLimits = DEFAULT_LIMITS,
        weights: str = "",
    ) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icons = icons
        self.pictures = PictureSource(caller, icons, samples, limits, weights)
        self.words = PromptSource(caller, icons, catalog.of_role(Role.MAKER))
        self.restyle = RestyleLine()
        self.form = SettingsForm(icons, size_mm)
        self.pictures.set_cutter(self._cutter_in_use)
        self.words.set_options(lambda: (self.form.options_of(self.words.maker), self.form.seed_value))
        self._cut_with: tuple[str, Any, str] = ("", None, "")
        self._build()
        self._connect()
        self._update()

    # The request

    @property
    def mode(self) -> str:
        return self.source.value

    def request(self) -> Request:
        """What the panel says now."""
        return self._request_for(self.pictures.path)

    def requests(self) -> tuple[Request, ...]:
        """One request for each picture that was brought together, or the one that there is."""
        if self.mode == PICTURE and self.pictures.brought:
            return tuple(self._request_for(str(path)) for path in self.pictures.brought)
        return (self.request(),)

    def pictures_request(self) -> Request:
        """What the panel says now, for pictures to pick from."""
        whole = self.request()
        maker = self._maker_in_use() or self.words.maker
        own = tuple((name, value) for name, value in whole.options if name.startswith(f"{maker.key}."))
        return Request(
            picture=whole.picture,
            prompt=whole.prompt,
            style=whole.style,
            maker=maker.key,
            seed=whole.seed,
            options=own,
            goal=PICTURES,
            variants=self.words.variants,
            restyle=whole.restyle,
        )

    def _request_for(self, path: str) -> Request:
        maker = self._maker_in_use()
        if self.mode == PROMPT:
            words = self.words
            base = Request(prompt=words.prompt, style=words.style_name if words.prompt else "", maker=words.maker.key)
        else:
            base = Request(picture=path, strokes=self.pictures.strokes_of(path) if path else ())
            if maker:
                base = replace(base, prompt=self.restyle.words, style=NONE, maker=maker.key, restyle=True)
        request = self.form.apply_to(base)
        if self.words.pipeline and maker and maker.key == self.words.maker.key:
            chosen: dict[str, OptionValue] = {f"{maker.key}.pipeline": self.words.pipeline}
            request = replace(request, options=tuple(sorted((dict(request.options) | chosen).items())))
        return request

    def _maker_in_use(self) -> EngineSpec | None:
        """The picture maker of the job: of the prompt, or the one that redraws the picture; None for neither."""
        if self.mode == PROMPT:
            return self.words.maker
        return _redrawer() if self.restyle.words else None

    def load(self, request: Request, picture: str) -> None:
        """Shows a request again; `picture` is where its picture lies now."""
        self.restyle.edit.setText(request.prompt if request.restyle else "")
        if request.picture:
            self._set_mode(PICTURE)
            self.pictures.use(picture, request.strokes)
        else:
            pipeline = str(dict(request.options).get(f"{request.maker}.pipeline", ""))
            self.words.show_words(request.prompt, request.style, request.maker, pipeline)
            self._set_mode(PROMPT)
        if request.goal == PICTURES:
            self.words.count.setValue(request.variants)
        self.form.load(request)  # last: which options it shows depends on what makes the picture
        self._update()

    def set_weights(self, missing: Mapping[str, str], pipelines: Sequence[Pipeline]) -> None:
        """Which engines lack their weights, a sentence by key, and the user's pipelines."""
        usable = [entry for entry in pipelines if not entry.problem]
        lacking = dict(missing)
        if not usable:
            problem = no_pipeline()
            lacking |= {spec.key: problem.message for spec in catalog.of_role(Role.MAKER) if spec.has_own_styles}
        self.form.set_missing(missing)
        self.words.set_weights(lacking, usable)
        redrawer = _redrawer()
        self.restyle.set_missing(lacking.get(redrawer.key, "") if redrawer else "Nothing here redraws pictures.")
        self._update()

    @Slot()
    def make_pictures(self) -> None:
        """Wishes for pictures to pick from, unless something is in the way."""
        if not self.pictures_reason():
            self.generate_wished.emit((self.pictures_request(),))

    def pictures_reason(self) -> str:
        """Why no pictures can be made, with what to do, or ""."""
        if self.mode == PICTURE and not self.restyle.words:
            return self.restyle.edit.toolTip() if not self.restyle.edit.isEnabled() else "Say what it shall become."
        for problem in problems(self.pictures_request()):
            return f"{problem.message} {problem.advice}"
        return self._maker_missing()

    def _maker_missing(self) -> str:
        missing = self.words.missing if self.mode == PROMPT else ""
        return f"{missing} Import one, or choose another maker." if missing else ""

    def bring(self, paths: tuple[Path, ...]) -> None:
        """Takes pictures in."""
        self._set_mode(PICTURE)
        self.pictures.bring(paths)

    def generate(self) -> None:
        """Wishes for a job, unless something is in the way."""
        if not self.reason():
            self.generate_wished.emit((self.request(),))

    def generate_all(self) -> None:
        """Wishes for a job for each picture that was brought together with the one in use."""
        if self.mode == PICTURE and self.pictures.brought:
            self.generate_wished.emit(self.requests())

    def reason(self) -> str:
        """Why Generate is switched off, with what to do, or ""."""
        for problem in problems(self.request()):
            return f"{problem.message} {problem.advice}"
        trouble = self._trouble()
        if trouble and trouble.kind in _BLOCKING:
            return f"{trouble.message} {trouble.advice}"
        return self.form.missing_reason() or self._maker_missing()

    def _trouble(self) -> Trouble | None:
        return self.pictures.trouble if self.mode == PICTURE else self.words.trouble

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.pictures.retint()
        self.words.retint()
        self.form.retint()
        self.generate_button.setIcon(self._icons.icon("generate", self._icons.colours.on_accent))

    # Building

    def _build(self) -> None:
        self.source = Segments(
            [
                (PICTURE, "Picture", "Make a mesh of a picture"),
                (PROMPT, "Prompt", "Make a mesh of a few words"),
            ],
            "Source",
        )
        self._pages = QStackedWidget()
        picture_page = QWidget()
        pictures = QVBoxLayout(picture_page)
        pictures.setContentsMargins(0, 0, 0, 0)
        pictures.setSpacing(SPACE)
        pictures.addWidget(self.pictures, 1)
        pictures.addWidget(self.restyle)
        self._pages.addWidget(picture_page)
        self._pages.addWidget(self.words)
        page = QWidget()
        page.setObjectName("panel_page")
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(12)
        column.addWidget(self.source)
        column.addWidget(self._pages, 1)
        column.addWidget(rule())
        column.addWidget(self.form)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._scroll, 1)
        whole.addWidget(rule())
        whole.addWidget(self._build_footer())
        self.setMinimumWidth(304)

    def _build_footer(self) -> QWidget:
        self._reason = label("", "dim", wrap=True)
        self._reason.setAccessibleName("Why Generate is switched off")
        self.generate_button = QPushButton("Generate")
        self.generate_button.setObjectName("primary")
        self.generate_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.queue_all_button = QPushButton()
        self.queue_all_button.setObjectName("large")
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.generate_button, 1)
        row.addWidget(self.queue_all_button)
        footer = QWidget()
        column = QVBoxLayout(footer)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(SPACE)
        column.addLayout(row)
        column.addWidget(self._reason)
        return footer

    def _connect(self) -> None:
        self.source.chosen.connect(self._on_source_chosen)
        self.pictures.changed.connect(self._update)
        self.pictures.browse_wished.connect(self.browse_wished)
        self.words.changed.connect(self._update)
        self.words.maker_changed.connect(self._on_maker_changed)
        self.words.pictures_wished.connect(self.make_pictures)
        self.restyle.changed.connect(self._on_maker_changed)
        self.restyle.pictures_wished.connect(self.make_pictures)
        self.form.changed.connect(self._on_form_changed)
        self.form.maker_changed.connect(self.words.draw_again)
        self.generate_button.clicked.connect(self.generate)
        self.queue_all_button.clicked.connect(self.generate_all)

    def _cutter_in_use(self) -> tuple[str, Any]:
        """The cutter's key and options as the job would have them: a relief keeps the background."""
        cutter = self.form.cutter_spec
        step = cutter_step(replace(self.request(), prompt="", style="", restyle=False))
        return (step.key, step.options) if step else (cutter.key, self.form.options_of(cutter))

    @Slot()
    def _on_form_changed(self) -> None:
        cut_with = (*self._cutter_in_use(), self.form.cutter.missing)
        if cut_with != self._cut_with:
            self._cut_with = cut_with
            self.pictures.cut_again()
        self._update()

    def _set_mode(self, mode: str) -> None:
        self.source.set_value(mode)
        self._on_source_chosen(mode)

    @Slot(str)
    def _on_source_chosen(self, mode: str) -> None:
        self._pages.setCurrentIndex(0 if mode == PICTURE else 1)
        self._on_maker_changed()

    @Slot()
    def _on_maker_changed(self) -> None:
        self.form.set_maker(self._maker_in_use(), redraws=self.mode == PICTURE)
        self._update()

    @Slot()
    def _update(self) -> None:
        pictures_reason = self.pictures_reason()
        self.words.set_reason(pictures_reason)
        self.restyle.set_reason(pictures_reason)
        reason = self.reason()
        self.generate_button.setEnabled(not reason)
        self.generate_button.setToolTip(reason or "Make a mesh (Ctrl+Enter)")
        trouble = self._trouble()
        told = reason or (f"{trouble.message} {trouble.advice}" if trouble else "")
        self._reason.setText(told)
        self._reason.setVisible(bool(told))
        many = len(self.pictures.brought) if self.mode == PICTURE else 0
        self.queue_all_button.setVisible(many > 1)
        self.queue_all_button.setText(f"All {many}")
        self.queue_all_button.setToolTip(f"Queue a job for each of the {many} pictures")
        # Nothing in the way and nothing there yet differ: the second is an invitation, not a fault.
        self.generate_button.setIcon(
            self._icons.icon("generate", self._icons.colours.faint if reason else self._icons.colours.on_accent)
        )


def _redrawer() -> EngineSpec | None:
    """The picture maker that redraws pictures."""
    return next((spec for spec in catalog.of_role(Role.MAKER) if spec.restyles), None)
