"""What of a window is narrower, or lower, than its text."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QWidget,
)


def cut_off(dock):
    """Say of every visible part of a dock whose text does not fit, what is missing."""
    found = []
    for part in dock.findChildren(QWidget):
        if part.isVisible():
            for kind, missing in MISSING.items():
                if isinstance(part, kind) and (pixels := missing(part)) > 0:
                    words = getattr(part, "text", part.accessibleName)()
                    found.append(f"{type(part).__name__} {words!r}: {pixels}")
    return found


def of_button(part):
    option = QStyleOptionButton()
    part.initStyleOption(option)
    room = part.style().subElementRect(
        QStyle.SubElement.SE_PushButtonContents, option, part
    )
    icon = 0 if part.icon().isNull() else part.iconSize().width() + 4
    return advance(part, part.text()) + icon - room.width()


def of_box_to_tick(part):
    return part.sizeHint().width() - part.width()


def of_label(part):
    if part.pixmap() is not None and not part.pixmap().isNull():
        return 0
    if part.wordWrap():
        return part.heightForWidth(part.width()) - part.height()
    return advance(part, part.text()) - part.contentsRect().width()


def of_choices(part):
    option = QStyleOptionComboBox()
    part.initStyleOption(option)
    room = part.style().subControlRect(
        QStyle.ComplexControl.CC_ComboBox,
        option,
        QStyle.SubControl.SC_ComboBoxEditField,
        part,
    )
    return advance(part, part.currentText()) - room.width()


def of_field(part):
    return advance(part, part.text() or part.placeholderText()) + 6 - part.width()


def of_list(part):
    return part.sizeHintForColumn(0) - part.viewport().width()


def of_scrolled(part):
    return part.widget().minimumSizeHint().width() - part.viewport().width()


def advance(part, text):
    return part.fontMetrics().horizontalAdvance(text.replace("&", ""))


MISSING = {
    QPushButton: of_button,
    QCheckBox: of_box_to_tick,
    QLabel: of_label,
    QComboBox: of_choices,
    QLineEdit: of_field,
    QAbstractItemView: of_list,
    QScrollArea: of_scrolled,
}
