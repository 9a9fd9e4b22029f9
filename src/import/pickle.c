/* pickle: see pickle.h. A stack machine over values that are numbers of nodes; a node is never moved, nothing is
 * recursive, and how many there are is bounded. */
#include "import/pickle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"

enum { NODES_MAX = 1 << 20, MEMO_MAX = 1 << 20, ITEMS_MAX = 1 << 20 };

typedef enum global { G_ORDERED_DICT, G_REBUILD_TENSOR, G_REBUILD_PARAMETER, G_STORAGE } global;

typedef struct node {
    ev_pickle_kind kind;
    bool mark; /* on the stack alone */
    union {
        int64_t integer;
        struct {
            const char *text;
            size_t bytes;
        } string;
        ev_buf items; /* ev_pickle_value: of a tuple; of a dict key, value, key, value */
        struct {
            global what;
            ev_storage type;
        } global;
        ev_pickle_tensor *tensor; /* also of a storage, which is one without a shape */
    };
} node;

struct ev_pickle {
    const unsigned char *at, *end;
    ev_buf nodes; /* node */
    ev_buf stack; /* ev_pickle_value */
    ev_buf memo;  /* ev_pickle_value, NODES_MAX: none */
    size_t items; /* in all tuples and dicts */
    ev_pickle_value root;
};

static node *node_of(const ev_pickle *p, ev_pickle_value v) {
    assert(v < ev_array_count(&p->nodes, node));
    return (node *)(void *)p->nodes.data + v;
}

#define FAULT(...) ev_fail(err, EV_E_FORMAT, "checkpoint: " __VA_ARGS__)
/* ---- stack ---- */

static size_t depth(const ev_pickle *p) { return ev_array_count(&p->stack, ev_pickle_value); }

static ev_pickle_value peek(const ev_pickle *p, size_t from_top) {
    assert(from_top < depth(p));
    return ((const ev_pickle_value *)(const void *)p->stack.data)[depth(p) - 1 - from_top];
}

static void drop(ev_pickle *p, size_t n) {
    assert(n <= depth(p));
    p->stack.size -= n * sizeof(ev_pickle_value);
}

static ev_status push(ev_pickle *p, ev_pickle_value v, ev_error *err) {
    if (depth(p) >= NODES_MAX) return ev_fail(err, EV_E_LIMIT, "checkpoint: its pickle nests too much");
    ev_pickle_value *to = ev_array_push(&p->stack, ev_pickle_value);
    if (!to) return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    *to = v;
    return EV_OK;
}

/* A new node on top; *out is valid until the next one is made. */
static ev_status push_new(ev_pickle *p, ev_pickle_kind kind, node **out, ev_error *err) {
    const size_t n = ev_array_count(&p->nodes, node);
    if (n >= NODES_MAX) return ev_fail(err, EV_E_LIMIT, "checkpoint: more than %d values", NODES_MAX);
    node *made = ev_array_push(&p->nodes, node);
    if (!made) return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    made->kind = kind;
    *out = made;
    return push(p, (ev_pickle_value)n, err);
}

static ev_status need(const ev_pickle *p, size_t n, ev_error *err) {
    if (depth(p) < n) return FAULT("its pickle takes what it never gave");
    for (size_t i = 0; i < n; i++) {
        if (node_of(p, peek(p, i))->mark) return FAULT("its pickle takes what it never gave");
    }
    return EV_OK;
}

/* How many values lie above the last mark. */
static ev_status above_mark(const ev_pickle *p, size_t *n, ev_error *err) {
    for (*n = 0; *n < depth(p); (*n)++) {
        if (node_of(p, peek(p, *n))->mark) return EV_OK;
    }
    return FAULT("its pickle ends a list that never began");
}

/* The n values on top, to the items of a node that is not among them. */
static ev_status append_top(ev_pickle *p, ev_pickle_value to, size_t n, ev_error *err) {
    assert(n <= depth(p));
    p->items += n;
    if (p->items > ITEMS_MAX) return ev_fail(err, EV_E_LIMIT, "checkpoint: more than %d values", ITEMS_MAX);
    node *list = node_of(p, to);
    assert(list->kind == EV_PICKLE_TUPLE || list->kind == EV_PICKLE_DICT);
    const ev_pickle_value *top = (const ev_pickle_value *)(const void *)p->stack.data + depth(p) - n;
    if (n && !ev_buf_append(&list->items, top, n * sizeof *top)) {
        return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    }
    drop(p, n);
    return EV_OK;
}

/* ---- bytes ---- */

static ev_status take(ev_pickle *p, size_t n, const unsigned char **out, ev_error *err) {
    assert(p->at <= p->end);
    if ((size_t)(p->end - p->at) < n) return FAULT("its pickle is cut short");
    *out = p->at;
    p->at += n;
    return EV_OK;
}

static ev_status take_number(ev_pickle *p, size_t n, uint64_t *out, ev_error *err) {
    assert(n <= sizeof *out);
    const unsigned char *bytes = NULL;
    TRY(take(p, n, &bytes, err));
    *out = 0;
    for (size_t i = 0; i < n; i++) *out |= (uint64_t)bytes[i] << (8 * i);
    return EV_OK;
}

static ev_status push_int(ev_pickle *p, int64_t value, ev_error *err) {
    node *n;
    TRY(push_new(p, EV_PICKLE_INT, &n, err));
    n->integer = value;
    return EV_OK;
}

static ev_status push_string(ev_pickle *p, size_t length_bytes, ev_error *err) {
    uint64_t length = 0;
    const unsigned char *text = NULL;
    node *n;
    TRY(take_number(p, length_bytes, &length, err));
    TRY(take(p, length > (uint64_t)(p->end - p->at) ? SIZE_MAX : (size_t)length, &text, err));
    TRY(push_new(p, EV_PICKLE_STRING, &n, err));
    n->string.text = (const char *)text;
    n->string.bytes = (size_t)length;
    return EV_OK;
}

/* LONG1: two's complement, as many bytes as it says, here up to 8. */
static ev_status push_long(ev_pickle *p, ev_error *err) {
    uint64_t bytes = 0, value = 0;
    TRY(take_number(p, 1, &bytes, err));
    if (bytes > 8) return FAULT("a number of %d bytes", (int)bytes);
    TRY(take_number(p, (size_t)bytes, &value, err));
    if (bytes && bytes < 8 && value >> (8 * bytes - 1)) value |= ~UINT64_C(0) << (8 * bytes);
    return push_int(p, (int64_t)value, err);
}

/* ---- what may be named ---- */

static const struct {
    const char *module, *name;
    global what;
    ev_storage type;
} globals[] = {{"collections", "OrderedDict", G_ORDERED_DICT, 0},
               {"torch._utils", "_rebuild_tensor_v2", G_REBUILD_TENSOR, 0},
               {"torch._utils", "_rebuild_parameter", G_REBUILD_PARAMETER, 0},
               {"torch", "FloatStorage", G_STORAGE, EV_STORAGE_F32},
               {"torch", "HalfStorage", G_STORAGE, EV_STORAGE_F16},
               {"torch", "BFloat16Storage", G_STORAGE, EV_STORAGE_BF16},
               {"torch", "DoubleStorage", G_STORAGE, EV_STORAGE_F64},
               {"torch", "LongStorage", G_STORAGE, EV_STORAGE_OTHER},
               {"torch", "IntStorage", G_STORAGE, EV_STORAGE_OTHER},
               {"torch", "BoolStorage", G_STORAGE, EV_STORAGE_OTHER},
               {"torch", "ByteStorage", G_STORAGE, EV_STORAGE_OTHER}};

static bool equals(const char *text, size_t bytes, const char *known) {
    return strlen(known) == bytes && memcmp(text, known, bytes) == 0;
}

static ev_status push_global(ev_pickle *p, const char *module, size_t mn, const char *name, size_t nn,
                             ev_error *err) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(globals); i++) {
        if (!equals(module, mn, globals[i].module) || !equals(name, nn, globals[i].name)) continue;
        node *n;
        TRY(push_new(p, EV_PICKLE_GLOBAL, &n, err));
        n->global.what = globals[i].what;
        n->global.type = globals[i].type;
        return EV_OK;
    }
    return FAULT("it wants to call \"%.*s.%.*s\", which no table of tensors needs; it is refused",
                 (int)(mn < 60 ? mn : 60), module, (int)(nn < 60 ? nn : 60), name);
}

static ev_status read_line(ev_pickle *p, const char **text, size_t *bytes, ev_error *err) {
    const unsigned char *stop = memchr(p->at, '\n', (size_t)(p->end - p->at));
    if (!stop) return FAULT("its pickle is cut short");
    *text = (const char *)p->at;
    *bytes = (size_t)(stop - p->at);
    p->at = stop + 1;
    return EV_OK;
}

static ev_status named_global(ev_pickle *p, ev_error *err) {
    const char *module = NULL, *name = NULL;
    size_t mn = 0, nn = 0;
    TRY(read_line(p, &module, &mn, err));
    TRY(read_line(p, &name, &nn, err));
    return push_global(p, module, mn, name, nn, err);
}

static ev_status stacked_global(ev_pickle *p, ev_error *err) {
    TRY(need(p, 2, err));
    const node *module = node_of(p, peek(p, 1)), *name = node_of(p, peek(p, 0));
    if (module->kind != EV_PICKLE_STRING || name->kind != EV_PICKLE_STRING) return FAULT("a name that is no text");
    const node m = *module, n = *name;
    drop(p, 2);
    return push_global(p, m.string.text, m.string.bytes, n.string.text, n.string.bytes, err);
}

/* ---- tensors ---- */

static const node *item(const ev_pickle *p, const node *tuple, size_t i, ev_pickle_kind kind) {
    if (tuple->kind != EV_PICKLE_TUPLE || i >= ev_array_count(&tuple->items, ev_pickle_value)) return NULL;
    const node *n = node_of(p, ((const ev_pickle_value *)(const void *)tuple->items.data)[i]);
    return n->kind == kind ? n : NULL;
}

static ev_status push_tensor(ev_pickle *p, ev_pickle_kind kind, const ev_pickle_tensor *t, ev_error *err) {
    assert(kind == EV_PICKLE_STORAGE || kind == EV_PICKLE_TENSOR);
    node *n;
    ev_pickle_tensor *copy = malloc(sizeof *copy);
    if (!copy) return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    *copy = *t;
    const size_t before = ev_array_count(&p->nodes, node);
    const ev_status s = push_new(p, kind, &n, err);
    if (ev_array_count(&p->nodes, node) > before)
        node_of(p, (ev_pickle_value)before)->tensor = copy; /* freed with it */
    else
        free(copy);
    return s;
}

/* ('storage', type, key, device, items) */
static ev_status push_storage(ev_pickle *p, ev_error *err) {
    TRY(need(p, 1, err));
    const node *id = node_of(p, peek(p, 0));
    const node *type = item(p, id, 1, EV_PICKLE_GLOBAL), *key = item(p, id, 2, EV_PICKLE_STRING);
    const node *items = item(p, id, 4, EV_PICKLE_INT), *tag = item(p, id, 0, EV_PICKLE_STRING);
    if (!tag || !equals(tag->string.text, tag->string.bytes, "storage") || !type || type->global.what != G_STORAGE ||
        !key || !items || items->integer < 0) {
        return FAULT("a reference to something else than a tensor's data");
    }
    const ev_pickle_tensor t = {
        .type = type->global.type, .key = key->string.text, .key_bytes = key->string.bytes, .items = items->integer};
    drop(p, 1);
    return push_tensor(p, EV_PICKLE_STORAGE, &t, err);
}

static bool read_sizes(const ev_pickle *p, const node *tuple, int64_t *out, int *count) {
    const size_t n = ev_array_count(&tuple->items, ev_pickle_value);
    if (n > EV_PICKLE_DIMS_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        const node *one = item(p, tuple, i, EV_PICKLE_INT);
        if (!one || one->integer < 0) return false;
        out[i] = one->integer;
    }
    *count = (int)n;
    return true;
}

/* The last item that it names lies in the storage; no product leaves 64 bits. */
static bool fits(const ev_pickle_tensor *t) {
    assert(t->dims >= 0 && t->dims <= EV_PICKLE_DIMS_MAX && t->offset >= 0);
    int64_t last = t->offset, count = 1;
    for (int i = 0; i < t->dims; i++) {
        int64_t step;
        if (t->shape[i] == 0) return t->offset <= t->items;
        if (__builtin_mul_overflow(count, t->shape[i], &count) ||
            __builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &step) ||
            __builtin_add_overflow(last, step, &last)) {
            return false;
        }
    }
    return last < t->items && count <= t->items; /* none says that it is twice as large as its data */
}

/* (storage, offset, size, stride, requires_grad, hooks) */
static ev_status rebuild_tensor(ev_pickle *p, const node *arguments, ev_error *err) {
    const node *storage = item(p, arguments, 0, EV_PICKLE_STORAGE), *offset = item(p, arguments, 1, EV_PICKLE_INT);
    const node *size = item(p, arguments, 2, EV_PICKLE_TUPLE), *stride = item(p, arguments, 3, EV_PICKLE_TUPLE);
    int dims = 0;
    if (!storage || !offset || offset->integer < 0 || !size || !stride) return FAULT("a tensor of another form");
    ev_pickle_tensor t = *storage->tensor;
    t.offset = offset->integer;
    if (!read_sizes(p, size, t.shape, &t.dims) || !read_sizes(p, stride, t.stride, &dims) || dims != t.dims) {
        return FAULT("a tensor's shape is not at most %d whole numbers", EV_PICKLE_DIMS_MAX);
    }
    if (!fits(&t)) return FAULT("a tensor reaches beyond its data");
    return push_tensor(p, EV_PICKLE_TENSOR, &t, err);
}

static ev_status reduce(ev_pickle *p, ev_error *err) {
    TRY(need(p, 2, err));
    const node *function = node_of(p, peek(p, 1));
    const ev_pickle_value arguments = peek(p, 0);
    if (function->kind != EV_PICKLE_GLOBAL || node_of(p, arguments)->kind != EV_PICKLE_TUPLE) {
        return FAULT("it calls what is no function");
    }
    const global what = function->global.what;
    drop(p, 2);
    if (what == G_ORDERED_DICT) {
        node *made;
        if (node_of(p, arguments)->items.size) return FAULT("an OrderedDict that is made of something");
        return push_new(p, EV_PICKLE_DICT, &made, err);
    }
    if (what == G_REBUILD_TENSOR) return rebuild_tensor(p, node_of(p, arguments), err);
    if (what == G_REBUILD_PARAMETER) { /* (tensor, requires_grad, hooks) */
        const node *tensor = item(p, node_of(p, arguments), 0, EV_PICKLE_TENSOR);
        if (!tensor) return FAULT("a parameter without a tensor");
        return push_tensor(p, EV_PICKLE_TENSOR, tensor->tensor, err);
    }
    return FAULT("it calls what is no function");
}

/* ---- collections ---- */

static ev_status make_tuple(ev_pickle *p, size_t n, bool marked, ev_error *err) {
    node *made;
    if (!marked) TRY(need(p, n, err));
    TRY(push_new(p, EV_PICKLE_TUPLE, &made, err));
    const ev_pickle_value tuple = peek(p, 0);
    drop(p, 1);
    TRY(append_top(p, tuple, n, err));
    if (marked) drop(p, 1);
    return push(p, tuple, err);
}

/* The n values on top to the list or dict under them (and under a mark). */
static ev_status append(ev_pickle *p, size_t n, bool marked, ev_pickle_kind kind, ev_error *err) {
    if (!marked) TRY(need(p, n, err));
    const size_t under = n + marked;
    if (depth(p) <= under) return FAULT("its pickle takes what it never gave");
    const ev_pickle_value to = peek(p, under);
    if (node_of(p, to)->mark || node_of(p, to)->kind != kind || (kind == EV_PICKLE_DICT && n % 2)) {
        return FAULT("its pickle adds to what is no collection");
    }
    TRY(append_top(p, to, n, err));
    if (marked) drop(p, 1);
    return EV_OK;
}

static ev_status append_marked(ev_pickle *p, ev_pickle_kind kind, ev_error *err) {
    size_t n = 0;
    TRY(above_mark(p, &n, err));
    return append(p, n, true, kind, err);
}

static ev_status make_marked_tuple(ev_pickle *p, ev_error *err) {
    size_t n = 0;
    TRY(above_mark(p, &n, err));
    return make_tuple(p, n, true, err);
}

/* ---- memo ---- */

static ev_status put(ev_pickle *p, uint64_t index, ev_error *err) {
    TRY(need(p, 1, err));
    if (index >= MEMO_MAX) return ev_fail(err, EV_E_LIMIT, "checkpoint: more than %d values", MEMO_MAX);
    while (ev_array_count(&p->memo, ev_pickle_value) <= index) {
        ev_pickle_value *to = ev_array_push(&p->memo, ev_pickle_value);
        if (!to) return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
        *to = NODES_MAX;
    }
    ((ev_pickle_value *)(void *)p->memo.data)[index] = peek(p, 0);
    return EV_OK;
}

static ev_status get(ev_pickle *p, uint64_t index, ev_error *err) {
    const ev_pickle_value *memo = (const ev_pickle_value *)(const void *)p->memo.data;
    if (index >= ev_array_count(&p->memo, ev_pickle_value) || memo[index] == NODES_MAX) {
        return FAULT("its pickle asks for what it never kept");
    }
    return push(p, memo[index], err);
}

static ev_status memoize(ev_pickle *p, bool read, size_t bytes, ev_error *err) {
    uint64_t index = 0;
    TRY(take_number(p, bytes, &index, err));
    return read ? get(p, index, err) : put(p, index, err);
}

/* BUILD: a state for the object under it, of which an OrderedDict from a module has some (_metadata): nothing we
 * need. */
static ev_status build(ev_pickle *p, ev_error *err) {
    TRY(need(p, 2, err));
    drop(p, 1);
    return EV_OK;
}

/* ---- operations ---- */

static ev_status push_plain(ev_pickle *p, ev_pickle_kind kind, int64_t value, ev_error *err) {
    node *n;
    TRY(push_new(p, kind, &n, err));
    if (kind == EV_PICKLE_BOOL) n->integer = value;
    n->mark = kind == EV_PICKLE_NONE && value == 1;
    return EV_OK;
}

static ev_status push_fixed(ev_pickle *p, size_t bytes, ev_error *err) {
    uint64_t value = 0;
    TRY(take_number(p, bytes, &value, err));
    return push_int(p, bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value, err);
}

static ev_status skip(ev_pickle *p, size_t bytes, ev_error *err) {
    const unsigned char *unused = NULL;
    return take(p, bytes, &unused, err);
}

static ev_status push_float(ev_pickle *p, ev_error *err) {
    TRY(skip(p, 8, err));
    return push_plain(p, EV_PICKLE_FLOAT, 0, err);
}

static ev_status protocol(ev_pickle *p, ev_error *err) {
    uint64_t version = 0;
    TRY(take_number(p, 1, &version, err));
    return version >= 2 && version <= 5 ? EV_OK : FAULT("pickle protocol %d; wanted 2 to 5", (int)version);
}

static ev_status operate(ev_pickle *p, unsigned char op, ev_error *err) {
    switch (op) {
    case 0x80: return protocol(p, err);
    case 0x95: return skip(p, 8, err); /* FRAME */
    case 'N': return push_plain(p, EV_PICKLE_NONE, 0, err);
    case '(': return push_plain(p, EV_PICKLE_NONE, 1, err); /* MARK */
    case 0x88: return push_plain(p, EV_PICKLE_BOOL, 1, err);
    case 0x89: return push_plain(p, EV_PICKLE_BOOL, 0, err);
    case 'J': return push_fixed(p, 4, err);
    case 'K': return push_fixed(p, 1, err);
    case 'M': return push_fixed(p, 2, err);
    case 0x8a: return push_long(p, err);
    case 'G': return push_float(p, err);
    case 'X': return push_string(p, 4, err);
    case 0x8c: return push_string(p, 1, err);
    case '}': return push_plain(p, EV_PICKLE_DICT, 0, err);
    case ']':
    case ')': return push_plain(p, EV_PICKLE_TUPLE, 0, err);
    case 0x85: return make_tuple(p, 1, false, err);
    case 0x86: return make_tuple(p, 2, false, err);
    case 0x87: return make_tuple(p, 3, false, err);
    case 't': return make_marked_tuple(p, err);
    case 's': return append(p, 2, false, EV_PICKLE_DICT, err);
    case 'u': return append_marked(p, EV_PICKLE_DICT, err);
    case 'a': return append(p, 1, false, EV_PICKLE_TUPLE, err);
    case 'e': return append_marked(p, EV_PICKLE_TUPLE, err);
    case 'q': return memoize(p, false, 1, err);
    case 'r': return memoize(p, false, 4, err);
    case 'h': return memoize(p, true, 1, err);
    case 'j': return memoize(p, true, 4, err);
    case 0x94: return put(p, ev_array_count(&p->memo, ev_pickle_value), err);
    case 'c': return named_global(p, err);
    case 0x93: return stacked_global(p, err);
    case 'Q': return push_storage(p, err);
    case 'R': return reduce(p, err);
    case 'b': return build(p, err);
    default: return FAULT("pickle operation 0x%02x, which no table of tensors needs; it is refused", op);
    }
}

static ev_status run(ev_pickle *p, ev_error *err) {
    for (;;) {
        const unsigned char *op = NULL;
        TRY(take(p, 1, &op, err));
        if (*op == '.') break;
        TRY(operate(p, *op, err));
    }
    TRY(need(p, 1, err));
    p->root = peek(p, 0);
    return EV_OK;
}

ev_status ev_pickle_read(ev_pickle **out, const void *bytes, size_t size, ev_error *err) {
    *out = NULL;
    ev_pickle *p = calloc(1, sizeof *p);
    if (!p) return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    p->at = bytes;
    p->end = p->at + size;
    const ev_status s = run(p, err);
    if (s == EV_OK)
        *out = p;
    else
        ev_pickle_free(&p);
    return s;
}

void ev_pickle_free(ev_pickle **pickle) {
    ev_pickle *p = *pickle;
    *pickle = NULL;
    if (!p) return;
    for (size_t i = 0; i < ev_array_count(&p->nodes, node); i++) {
        node *n = node_of(p, (ev_pickle_value)i);
        if (n->kind == EV_PICKLE_TUPLE || n->kind == EV_PICKLE_DICT) ev_buf_free(&n->items);
        if (n->kind == EV_PICKLE_TENSOR || n->kind == EV_PICKLE_STORAGE) free(n->tensor);
    }
    ev_buf_free(&p->nodes);
    ev_buf_free(&p->stack);
    ev_buf_free(&p->memo);
    free(p);
}

/* ---- looking at it ---- */

ev_pickle_value ev_pickle_root(const ev_pickle *p) { return p->root; }

ev_pickle_kind ev_pickle_kind_of(const ev_pickle *p, ev_pickle_value v) { return node_of(p, v)->kind; }

size_t ev_pickle_count(const ev_pickle *p, ev_pickle_value dict) {
    const node *n = node_of(p, dict);
    return n->kind == EV_PICKLE_DICT ? ev_array_count(&n->items, ev_pickle_value) / 2 : 0;
}

void ev_pickle_entry(const ev_pickle *p, ev_pickle_value dict, size_t i, ev_pickle_value *key,
                     ev_pickle_value *value) {
    assert(i < ev_pickle_count(p, dict));
    const ev_pickle_value *items = (const ev_pickle_value *)(const void *)node_of(p, dict)->items.data;
    *key = items[2 * i];
    *value = items[2 * i + 1];
}

const char *ev_pickle_string(const ev_pickle *p, ev_pickle_value v, size_t *bytes) {
    const node *n = node_of(p, v);
    if (n->kind != EV_PICKLE_STRING) return NULL;
    *bytes = n->string.bytes;
    return n->string.text;
}

const ev_pickle_tensor *ev_pickle_tensor_of(const ev_pickle *p, ev_pickle_value v) {
    const node *n = node_of(p, v);
    return n->kind == EV_PICKLE_TENSOR ? n->tensor : NULL;
}
