/* load_plot: inline SVG. Marks carry a <title>, which browsers show when pointed at: no script is needed. */
#include "load_plot.h"

#include <math.h>

#define WIDTH     680
#define HEIGHT    320
#define LEFT      64
#define RIGHT     16
#define TOP       12
#define BOTTOM    48
#define TICKS_MAX 16

typedef struct axis {
    double low, high; /* of the data's range, widened to ticks */
    bool log;
    double ticks[TICKS_MAX];
    size_t count;
} axis;

void load_put_html(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        default: putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
    }
}

/* ---- axes ---- */

static void linear_ticks(axis *a) {
    double span = a->high > a->low ? a->high - a->low : fmax(fabs(a->high), 1);
    double unit = pow(10, floor(log10(span / 5))), share = span / 5 / unit;
    double step = unit * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
    double first = floor(a->low / step), last = ceil(a->high / step);
    if (last <= first) last = first + 1;
    for (double i = first; i <= last && a->count < TICKS_MAX; i++) a->ticks[a->count++] = i * step;
    a->low = a->ticks[0];
    a->high = a->ticks[a->count - 1];
}

static void log_ticks(axis *a) {
    static const double marks[] = {1, 2, 5};
    int low = (int)floor(log10(a->low)), high = (int)ceil(log10(a->high));
    int every = high - low > 4 ? 3 : 1; /* only powers of ten where there are many */
    for (int i = 0; i <= 3 * (high - low) && a->count < TICKS_MAX; i += every) {
        double tick = marks[i % 3] * pow(10, low + i / 3);
        double next = marks[(i + every) % 3] * pow(10, low + (i + every) / 3);
        if (next <= a->low * (1 + 1e-9)) continue;
        a->ticks[a->count++] = tick;
        if (tick >= a->high * (1 - 1e-9)) break;
    }
    a->low = a->ticks[0];
    a->high = fmax(a->high, a->ticks[a->count - 1]);
}

static axis axis_over(double low, double high, bool may_be_log) {
    axis a = {.low = low, .high = high, .log = may_be_log && low > 0 && high > 20 * low};
    if (a.log) {
        log_ticks(&a);
    } else {
        linear_ticks(&a);
    }
    return a;
}

static double place(const axis *a, double value) { /* 0..1 */
    if (a->log) return (log(value) - log(a->low)) / (log(a->high) - log(a->low));
    return (value - a->low) / (a->high - a->low);
}

static double x_of(const axis *a, double value) { return LEFT + (WIDTH - LEFT - RIGHT) * place(a, value); }
static double y_of(const axis *a, double value) {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * place(a, value);
}

static void begin(FILE *out, const char *title) {
    fputs("<figure>\n<figcaption>", out);
    load_put_html(out, title);
    fprintf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    load_put_html(out, title);
    fputs("\">\n", out);
}

static void put_label(FILE *out, const char *attributes, const char *text) {
    fprintf(out, "<text class=\"label\" %s>", attributes);
    load_put_html(out, text);
    fputs("</text>\n", out);
}

static void put_x_axis(FILE *out, const axis *x, const char *label) {
    char attributes[96];
    for (size_t i = 0; i < x->count; i++) {
        double at = x_of(x, x->ticks[i]);
        fprintf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", at, TOP, at,
                HEIGHT - BOTTOM);
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", at, HEIGHT - BOTTOM + 18,
                x->ticks[i]);
    }
    snprintf(attributes, sizeof attributes, "x=\"%d\" y=\"%d\" text-anchor=\"middle\"", (LEFT + WIDTH - RIGHT) / 2,
             HEIGHT - 8);
    put_label(out, attributes, label);
}

static void put_y_title(FILE *out, const char *label) {
    char attributes[128];
    int middle = (TOP + HEIGHT - BOTTOM) / 2;
    snprintf(attributes, sizeof attributes,
             "x=\"14\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 14 %d)\"", middle, middle);
    put_label(out, attributes, label);
}

static void put_y_axis(FILE *out, const axis *y, const char *label) {
    for (size_t i = 0; i < y->count; i++) {
        double at = y_of(y, y->ticks[i]);
        fprintf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, at, WIDTH - RIGHT,
                at);
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 6, at + 4, y->ticks[i]);
    }
    put_y_title(out, label);
}

/* ---- lines ---- */

static bool data_range(const load_chart *chart, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t s = 0; s < chart->series_count; s++) {
        for (size_t i = 0; i < chart->points; i++) {
            double y = chart->series[s].y[i];
            if (!isfinite(y)) continue;
            *low = fmin(*low, y);
            *high = fmax(*high, y);
        }
    }
    return *low <= *high;
}

static void put_marker(FILE *out, size_t series, double x, double y) {
    switch (series % LOAD_SERIES_MAX) {
    case 0: fprintf(out, "<circle class=\"m m0\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\">", x, y); break;
    case 1: fprintf(out, "<path class=\"m m1\" d=\"M%.1f %.1fh8v8h-8z\">", x - 4, y - 4); break;
    case 2: fprintf(out, "<path class=\"m m2\" d=\"M%.1f %.1fl5 9h-10z\">", x, y - 6); break;
    default: fprintf(out, "<path class=\"m m3\" d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\">", x, y - 5);
    }
}

static void end_marker(FILE *out, size_t series) {
    fputs(series % LOAD_SERIES_MAX == 0 ? "</circle>\n" : "</path>\n", out);
}

static void put_series(FILE *out, const load_chart *chart, size_t s, const axis *x, const axis *y) {
    const double *values = chart->series[s].y;
    bool drawing = false;
    fprintf(out, "<path class=\"s s%zu\" d=\"", s);
    for (size_t i = 0; i < chart->points; i++) {
        if (isfinite(values[i])) {
            fprintf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', x_of(x, chart->x[i]), y_of(y, values[i]));
        }
        drawing = isfinite(values[i]);
    }
    fputs("\"/>\n", out);
    for (size_t i = 0; i < chart->points && chart->markers; i++) {
        if (!isfinite(values[i])) continue;
        put_marker(out, s, x_of(x, chart->x[i]), y_of(y, values[i]));
        fputs("<title>", out);
        load_put_html(out, chart->series[s].name);
        fprintf(out, ": %.4g at %.4g</title>", values[i], chart->x[i]);
        end_marker(out, s);
    }
}

static void put_legend(FILE *out, const load_chart *chart) {
    fputs("<p class=\"legend\">", out);
    for (size_t s = 0; s < chart->series_count; s++) {
        fprintf(out,
                "<span><svg viewBox=\"0 0 36 14\" width=\"36\" height=\"14\" aria-hidden=\"true\">"
                "<path class=\"s s%zu\" d=\"M0 7H36\"/>",
                s);
        if (chart->markers) {
            put_marker(out, s, 18, 7);
            end_marker(out, s);
        }
        fputs("</svg> ", out);
        load_put_html(out, chart->series[s].name);
        fputs("</span> ", out);
    }
    fputs("</p>\n</figure>\n", out);
}

void load_plot_lines(FILE *out, const load_chart *chart) {
    double low = 0, high = 0;
    if (chart->points == 0 || !data_range(chart, &low, &high)) return;
    axis x = axis_over(chart->x[0], chart->x[chart->points - 1], false);
    bool log_scale = low > 0 && high > 20 * low;
    axis y = axis_over(log_scale ? low : fmin(low, 0), high, true);
    begin(out, chart->title);
    put_x_axis(out, &x, chart->x_label);
    put_y_axis(out, &y, chart->y_label);
    for (size_t s = 0; s < chart->series_count; s++) put_series(out, chart, s, &x, &y);
    fputs("</svg>\n", out);
    put_legend(out, chart);
}

/* ---- heat map ---- */

void load_plot_heat(FILE *out, const load_heat *heat) {
    double most = 0;
    for (size_t i = 0; i < heat->columns * heat->rows; i++) most = fmax(most, heat->value[i]);
    if (most <= 0 || heat->rows == 0) return;
    axis x = axis_over(heat->x[0], heat->x[heat->columns], false);
    double row = (double)(HEIGHT - TOP - BOTTOM) / (double)heat->rows;
    begin(out, heat->title);
    put_x_axis(out, &x, heat->x_label);
    put_y_title(out, heat->y_label);
    for (size_t r = 0; r < heat->rows; r++) {
        double top = HEIGHT - BOTTOM - row * (double)(r + 1);
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 6, top + row / 2 + 4);
        load_put_html(out, heat->labels[r]);
        fputs("</text>\n", out);
        for (size_t c = 0; c < heat->columns; c++) {
            double value = heat->value[c * heat->rows + r], left = x_of(&x, heat->x[c]);
            if (value <= 0) continue;
            fprintf(
                out,
                "<rect class=\"heat\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.2f\">",
                left, top + 1, fmax(x_of(&x, heat->x[c + 1]) - left - 0.5, 1), row - 2, 0.15 + 0.85 * value / most);
            fprintf(out, "<title>%g at %.0f s</title></rect>\n", value, heat->x[c]);
        }
    }
    fputs("</svg>\n</figure>\n", out);
}
