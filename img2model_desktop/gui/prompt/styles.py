"""The window in which the user changes the styles of pictures that are made from words."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.engines.styles import GUIDANCE, NONE, WORDS, Style, Styles, check
from img2model_desktop.errors import Img2ModelError, InputProblem
from img2model_desktop.gui.controls import NumberField, label
from img2model_desktop.gui.theme import SPACE


class StylesWindow(QDialog):
    """A list of styles, and the words of the one that is chosen.

    Signals:
        styles_changed: the styles are others now.
    """

    styles_changed = Signal()

    def __init__(self, parent: QWidget, key: str = "") -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Styles")
        self.resize(680, 420)
        self._styles = Styles()
        self._style = self._styles.all()[0]
        self._build()
        self._connect()
        self._fill(key)

    # Building

    def _build(self) -> None:
        self.list = QListWidget()
        self.list.setObjectName("stack")
        self.list.setAccessibleName("Styles")
        self.list.setFixedWidth(180)
        self.title = QLineEdit()
        self.words = QPlainTextEdit()
        self.negative = QPlainTextEdit()
        self.guidance = NumberField("Guidance", *GUIDANCE, 0.05, "x")
        rows: tuple[tuple[str, QWidget, str], ...] = (
            ("Title", self.title, "As the list shows it"),
            ("Words", self.words, f"The whole prompt; {WORDS} stands where your own words go"),
            ("Not wanted", self.negative, "Words for what the pictures shall not show"),
            ("Guidance", self.guidance, "How closely pictures follow the words, times what the pipeline suggests"),
        )
        form = QGridLayout()
        form.setHorizontalSpacing(SPACE)
        form.setVerticalSpacing(SPACE)
        for number, (name, control, tip) in enumerate(rows):
            caption = label(name, "dim")
            caption.setBuddy(control)
            control.setToolTip(tip)
            if not isinstance(control, NumberField):
                control.setAccessibleName(name)
            if isinstance(control, QPlainTextEdit):
                control.setTabChangesFocus(True)
            form.addWidget(caption, number, 0, Qt.AlignmentFlag.AlignTop)
            form.addWidget(control, number, 1)
        self._lay_out(form)

    def _lay_out(self, form: QGridLayout) -> None:
        self.problem = label("", "warn", wrap=True)
        self.new_button = QPushButton("New style")
        self.new_button.setToolTip("Another style, to begin with a copy of this one")
        self.remove_button = QPushButton("Remove")
        self.save_button = QPushButton("Save")
        self.save_button.setObjectName("accent")
        left, right, buttons = QVBoxLayout(), QVBoxLayout(), QHBoxLayout()
        left.addWidget(self.list, 1)
        left.addWidget(self.new_button)
        buttons.addWidget(self.remove_button)
        buttons.addStretch()
        buttons.addWidget(self.save_button)
        right.addLayout(form, 1)
        right.addWidget(self.problem)
        right.addLayout(buttons)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(12, 12, 12, 12)
        whole.setSpacing(12)
        whole.addLayout(left)
        whole.addLayout(right, 1)

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(self._on_chosen)
        self.title.textChanged.connect(self._update)
        self.words.textChanged.connect(self._update)
        self.negative.textChanged.connect(self._update)
        self.guidance.changed.connect(lambda: self._update())
        self.new_button.clicked.connect(self._on_new)
        self.remove_button.clicked.connect(self._on_remove)
        self.save_button.clicked.connect(self._on_save)

    # What is shown

    @property
    def edited(self) -> Style:
        """The style as the fields say it."""
        return Style(
            self._style.key,
            self.title.text().strip(),
            " ".join(self.words.toPlainText().split()),
            " ".join(self.negative.toPlainText().split()),
            round(self.guidance.value, 3),
        )

    def _fill(self, key: str) -> None:
        with QSignalBlocker(self.list):
            self.list.clear()
            for style in self._styles.all():
                item = QListWidgetItem(style.title)
                item.setData(Qt.ItemDataRole.UserRole, style.key)
                self.list.addItem(item)
                if style.key == key:
                    self.list.setCurrentItem(item)
            if self.list.currentItem() is None:
                self.list.setCurrentRow(0)
        self._on_chosen()

    @Slot()
    def _on_chosen(self) -> None:
        self._style = self._styles.find(str(self.list.currentItem().data(Qt.ItemDataRole.UserRole)))
        with QSignalBlocker(self.title):
            self.title.setText(self._style.title)
        for area, text in ((self.words, self._style.template), (self.negative, self._style.negative)):
            with QSignalBlocker(area):
                area.setPlainText(text)
        self.guidance.set_value(self._style.guidance)
        self._update()

    @Slot()
    def _update(self) -> None:
        reason = ""
        try:
            check(self.edited)
        except InputProblem as problem:
            reason = str(problem)
        is_none = self._style.key == NONE
        for control in (self.title, self.words, self.negative, self.guidance):
            control.setEnabled(not is_none)
        self.problem.setText(reason)
        self.problem.setVisible(bool(reason))
        has_changes = self.edited != self._style
        self.save_button.setEnabled(has_changes and not reason)
        self.save_button.setToolTip(reason or ("Keep the changes" if has_changes else "There are no changes."))
        is_changed = self._styles.is_changed(self._style.key)
        self.remove_button.setText("Reset" if is_changed else "Remove")
        self.remove_button.setEnabled(not is_none)
        told = "Back to the words that the program brought" if is_changed else "Take this style off the list"
        self.remove_button.setToolTip("This style adds no words, and stays." if is_none else told)

    # Slots

    @Slot()
    def _on_new(self) -> None:
        style = self.edited if self._style.key != NONE else Style(NONE, "My style", f"{WORDS}, ")
        title = f"{style.title} 2"[:40]
        self._keep(Style(self._styles.new_key(title), title, style.template, style.negative, style.guidance))
        self.title.setFocus()
        self.title.selectAll()

    @Slot()
    def _on_save(self) -> None:
        self._keep(self.edited)

    def _keep(self, style: Style) -> None:
        try:
            self._styles.put(style)
        except Img2ModelError as problem:
            self.problem.setText(str(problem))
            self.problem.setVisible(True)
            return
        self._fill(style.key)
        self.styles_changed.emit()

    @Slot()
    def _on_remove(self) -> None:
        key = self._style.key
        try:
            if self._styles.is_changed(key):
                self._styles.reset(key)
            else:
                self._styles.remove(key)
        except Img2ModelError as problem:
            self.problem.setText(str(problem))
            self.problem.setVisible(True)
            return
        self._fill(key)
        self.styles_changed.emit()
