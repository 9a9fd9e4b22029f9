"""Line charts and heat maps as inline SVG, without a script: marks carry a <title>, which browsers show when pointed at.
Series differ in colour, dash and marker, so that none of the three is needed alone; colours come from the page's style
sheet."""
import html
import math

WIDTH, HEIGHT = 680, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 48
TICKS_MAX = 16


def escaped(text):
    """For HTML; what a service says must not break lines either."""
    return html.escape("".join(c if c >= " " else " " for c in str(text)))


def known(value):
    return value is not None and math.isfinite(value)


# ---- axes ----

class Axis:
    """From low to high, widened to round ticks; logarithmic where it may be and the values spread far."""

    def __init__(self, low, high, may_be_log=False):
        self.log = may_be_log and low > 0 and high > 20 * low
        self.ticks = log_ticks(low, high) if self.log else linear_ticks(low, high)
        self.low, self.high = self.ticks[0], self.ticks[-1]
        if self.log:
            self.high = max(high, self.high)

    def place(self, value):
        """0 to 1."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * self.place(value)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.place(value)


def linear_ticks(low, high):
    span = high - low if high > low else max(abs(high), 1)
    unit = 10 ** math.floor(math.log10(span / 5))
    share = span / 5 / unit
    step = unit * (1 if share < 1.5 else 2 if share < 3.5 else 5 if share < 7.5 else 10)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [i * step for i in range(first, max(last, first + 1) + 1)][:TICKS_MAX]


def log_ticks(low, high):
    """1, 2 and 5 of each power of ten; the powers alone where there are many. The first is the last below `low`."""
    marks, ticks = (1, 2, 5), []
    begin, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = 3 if end - begin > 4 else 1

    def tick(i):
        return marks[i % 3] * 10.0 ** (begin + i // 3)
    for i in range(0, 3 * (end - begin) + 1, every):
        if tick(i + every) <= low * (1 + 1e-9):
            continue
        ticks.append(tick(i))
        if tick(i) >= high * (1 - 1e-9) or len(ticks) == TICKS_MAX:
            break
    return ticks


def head_of(title):
    return (f'<figure>\n<figcaption>{escaped(title)}</figcaption>\n'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(title)}">\n')


def x_axis(axis, label):
    out = ""
    for tick in axis.ticks:
        at = axis.x(tick)
        out += (f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}"/>'
                f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>\n')
    return out + (f'<text class="label" x="{(LEFT + WIDTH - RIGHT) // 2}" y="{HEIGHT - 8}" text-anchor="middle">'
                  f'{escaped(label)}</text>\n')


def y_title(label):
    middle = (TOP + HEIGHT - BOTTOM) // 2
    return (f'<text class="label" x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">'
            f'{escaped(label)}</text>\n')


def y_axis(axis, label):
    out = ""
    for tick in axis.ticks:
        at = axis.y(tick)
        out += (f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}"/>'
                f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>\n')
    return out + y_title(label)


# ---- lines ----

def marker(series, x, y, title=""):
    inside = f"<title>{escaped(title)}</title>" if title else ""
    if series == 0:
        return f'<circle class="m m0" cx="{x:.1f}" cy="{y:.1f}" r="4">{inside}</circle>\n'
    begin_x, begin_y, path = ((x - 4, y - 4, "h8v8h-8z"), (x, y - 6, "l5 9h-10z"), (x, y - 5, "l5 5l-5 5l-5 -5z"))[series - 1]
    return f'<path class="m m{series}" d="M{begin_x:.1f} {begin_y:.1f}{path}">{inside}</path>\n'


def line(series, name, points, x, y, markers):
    path, drawing = "", False
    for at, value in points:
        if known(value):
            path += f'{"L" if drawing else "M"}{x.x(at):.1f} {y.y(value):.1f}'
        drawing = known(value)
    out = f'<path class="s s{series}" d="{path}"/>\n'
    for at, value in points if markers else ():
        if known(value):
            out += marker(series, x.x(at), y.y(value), f"{name}: {value:.4g} at {at:.4g}")
    return out


def legend(names, markers):
    out = '<p class="legend">'
    for series, name in enumerate(names):
        out += ('<span><svg viewBox="0 0 36 14" width="36" height="14" aria-hidden="true">'
                f'<path class="s s{series}" d="M0 7H36"/>{marker(series, 18, 7) if markers else ""}</svg> '
                f'{escaped(name)}</span> ')
    return out + "</p>\n</figure>\n"


def lines(title, x_label, y_label, x_values, series, markers=False):
    """series: {name: values}, at most four; None: no point there. Rising x. "" where there is no point at all."""
    values = [value for row in series.values() for value in row if known(value)]
    if not x_values or not values:
        return ""
    low, high = min(values), max(values)
    x = Axis(x_values[0], x_values[-1])
    y = Axis(low if low > 0 and high > 20 * low else min(low, 0), high, may_be_log=True)
    return (head_of(title) + x_axis(x, x_label) + y_axis(y, y_label) +
            "".join(line(i, name, list(zip(x_values, row)), x, y, markers) for i, (name, row) in enumerate(series.items())) +
            "</svg>\n" + legend(series, markers))


# ---- heat map ----

def heat(title, x_label, y_label, edges, labels, columns):
    """edges: of the columns, one more than there are; labels: of the rows, from below; columns: a value >= 0 a row."""
    most = max((value for column in columns for value in column), default=0)
    if most <= 0:
        return ""
    x, height = Axis(edges[0], edges[-1]), (HEIGHT - TOP - BOTTOM) / len(labels)
    out = head_of(title) + x_axis(x, x_label) + y_title(y_label)
    for row, label in enumerate(labels):
        top = HEIGHT - BOTTOM - height * (row + 1)
        out += f'<text x="{LEFT - 6}" y="{top + height / 2 + 4:.1f}" text-anchor="end">{escaped(label)}</text>\n'
        for column, begin, end in zip(columns, edges, edges[1:]):
            if column[row] > 0:
                left, width = x.x(begin), max(x.x(end) - x.x(begin) - 0.5, 1)
                out += (f'<rect class="heat" x="{left:.1f}" y="{top + 1:.1f}" width="{width:.1f}" '
                        f'height="{height - 2:.1f}" fill-opacity="{0.15 + 0.85 * column[row] / most:.2f}">'
                        f"<title>{column[row]:g} at {begin:.0f} s</title></rect>\n")
    return out + "</svg>\n</figure>\n"
