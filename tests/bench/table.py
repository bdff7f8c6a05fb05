"""What every benchmark of this folder gives back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Figures to print.

    Args:
        title: one line: what was measured, on what.
        columns: headings.
        rows: as many texts each as there are columns.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"“{self.title}”: each row needs {len(self.columns)} cells")

    def __str__(self) -> str:
        """Aligned text: the first column to the left, columns of figures to the right."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        right = [i > 0 and all(_is_figure(row[i]) for row in self.rows) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.title, "", *lines])


def _is_figure(text: str) -> bool:
    return not text or text == "-" or text.lstrip("<>~+-±").startswith(tuple("0123456789"))
