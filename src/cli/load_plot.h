/* load_plot: line charts and heat maps as inline SVG. Series differ in colour, dash and marker, so that none of the
 * three is needed alone; colours come from the page's style sheet. */
#ifndef CLI_LOAD_PLOT_H
#define CLI_LOAD_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LOAD_SERIES_MAX 4

typedef struct load_chart {
    const char *title, *x_label, *y_label;
    const double *x; /* [points], rising */
    size_t points;
    struct {
        const char *name;
        const double *y; /* [points]; NaN: no point here */
    } series[LOAD_SERIES_MAX];
    size_t series_count;
    bool markers;
} load_chart;
void load_plot_lines(FILE *out, const load_chart *chart); /* nothing at all if no series has a point */

typedef struct load_heat {
    const char *title, *x_label, *y_label;
    const double *x;           /* [columns + 1]: edges */
    const char *const *labels; /* [rows], from below */
    const double *value;       /* [columns][rows], >= 0 */
    size_t columns, rows;
} load_heat;
void load_plot_heat(FILE *out, const load_heat *heat);

void load_put_html(FILE *out, const char *text); /* escaped */

#endif
