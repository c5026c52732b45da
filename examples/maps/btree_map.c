/* A B-tree: keys in order, some of them in every node. A node has at most MOST items and, but for the root, at least LEAST;
 * all leaves are at the same depth. Putting splits full nodes on the way down, removing fills up poor ones on the way down,
 * so that neither ever has to come back up (Cormen, Leiserson, Rivest, Stein: Introduction to Algorithms, chapter "B-Trees").
 *
 * What a transaction adds to its ranges is what it costs: where a node changes at its end, only its end is added. */
#include <errno.h>
#include <string.h>

#include "map.h"

struct btree_map;
struct node;
struct value;
POBJ_LAYOUT_BEGIN(btree_map);
POBJ_LAYOUT_TOID(btree_map, struct btree_map);
POBJ_LAYOUT_TOID(btree_map, struct node);
POBJ_LAYOUT_TOID(btree_map, struct value);
POBJ_LAYOUT_END(btree_map)

enum { DEGREE = 8, LEAST = DEGREE - 1, MOST = 2 * DEGREE - 1 };

struct value {
    uint64_t bytes;
    char data[];
};

struct item {
    uint64_t key;
    TOID(struct value) value;
};

struct node {
    uint32_t count; /* of items; an inner node has one child more */
    uint32_t is_leaf;
    struct item items[MOST];
    TOID(struct node) children[MOST + 1]; /* not there in a leaf */
};

struct btree_map {
    TOID(struct node) root; /* null: empty */
    uint64_t items;
};

static struct btree_map* map_of(PMEMoid oid) {
    return pmemobj_direct(oid);
}

static struct node* child_of(const struct node* node, uint32_t at) {
    TOID(struct node) child = node->children[at];
    return D_RW(child);
}

/* The first item whose key is not smaller. */
static uint32_t position_in(const struct node* node, uint64_t key) {
    uint32_t at = 0;
    while (at < node->count && node->items[at].key < key)
        at++;
    return at;
}

static int is_at(const struct node* node, uint32_t at, uint64_t key) {
    return at < node->count && node->items[at].key == key;
}

/* ---- changing nodes. REQUIRES, from here to put: a transaction is open. A failure aborts it. ---- */

static void add_to_transaction(void* from, size_t bytes) {
    pmemobj_tx_add_range_direct(from, bytes);
}

static void change_count(struct node* node, uint32_t to) {
    add_to_transaction(&node->count, sizeof node->count);
    node->count = to;
}

static TOID(struct node) new_node(uint32_t is_leaf) {
    TOID(struct node)
    node = TX_ALLOC(struct node, is_leaf ? offsetof(struct node, children) : sizeof(struct node));
    D_RW(node)->count = 0;
    D_RW(node)->is_leaf = is_leaf;
    return node;
}

static TOID(struct value) new_value(const void* data, size_t bytes) {
    TOID(struct value) value = TX_ALLOC(struct value, sizeof(struct value) + bytes);
    D_RW(value)->bytes = bytes;
    memcpy(D_RW(value)->data, data, bytes);
    return value;
}

/* `child` comes right of the item; ignored in a leaf. */
static void insert_at(struct node* node, uint32_t at, struct item item, TOID(struct node) child) {
    const uint32_t behind = node->count - at;
    add_to_transaction(&node->items[at], (behind + 1) * sizeof node->items[0]);
    memmove(&node->items[at + 1], &node->items[at], behind * sizeof node->items[0]);
    node->items[at] = item;
    if (!node->is_leaf) {
        add_to_transaction(&node->children[at + 1], (behind + 1) * sizeof node->children[0]);
        memmove(&node->children[at + 2], &node->children[at + 1], behind * sizeof node->children[0]);
        node->children[at + 1] = child;
    }
    change_count(node, node->count + 1);
}

/* Takes out the item and, of an inner node, the child right of it. */
static void take_out_at(struct node* node, uint32_t at) {
    const uint32_t behind = node->count - at - 1;
    add_to_transaction(&node->items[at], (behind + 1) * sizeof node->items[0]);
    memmove(&node->items[at], &node->items[at + 1], behind * sizeof node->items[0]);
    if (!node->is_leaf) {
        add_to_transaction(&node->children[at + 1], (behind + 1) * sizeof node->children[0]);
        memmove(&node->children[at + 1], &node->children[at + 2], behind * sizeof node->children[0]);
    }
    change_count(node, node->count - 1);
}

/* REQUIRES: the child is full, the parent is not. The child's middle item goes up. */
static void split_child(struct node* parent, uint32_t at) {
    struct node* const left = child_of(parent, at);
    TOID(struct node) added = new_node(left->is_leaf);
    struct node* const right = D_RW(added);
    memcpy(right->items, &left->items[DEGREE], LEAST * sizeof right->items[0]);
    if (!left->is_leaf)
        memcpy(right->children, &left->children[DEGREE], DEGREE * sizeof right->children[0]);
    right->count = LEAST;
    change_count(left, LEAST);
    insert_at(parent, at, left->items[LEAST], added);
}

/* REQUIRES: the children left and right of the item have LEAST items. They become one, with the item between them. */
static void merge_children(struct node* parent, uint32_t at) {
    struct node* const left = child_of(parent, at);
    TOID(struct node) merged = parent->children[at + 1];
    const struct node* const right = D_RO(merged);
    const uint32_t count = left->count;
    add_to_transaction(&left->items[count], (right->count + 1) * sizeof left->items[0]);
    left->items[count] = parent->items[at];
    memcpy(&left->items[count + 1], right->items, right->count * sizeof left->items[0]);
    if (!left->is_leaf) {
        add_to_transaction(&left->children[count + 1], (right->count + 1) * sizeof left->children[0]);
        memcpy(&left->children[count + 1], right->children, (right->count + 1) * sizeof left->children[0]);
    }
    change_count(left, count + 1 + right->count);
    take_out_at(parent, at);
    TX_FREE(merged);
}

/* The last item of the left child goes up, the item between them goes down to the right child. */
static void rotate_right(struct node* parent, uint32_t at) {
    struct node* const left = child_of(parent, at);
    struct node* const right = child_of(parent, at + 1);
    TOID(struct node) moved = TOID_NULL(struct node);
    if (!left->is_leaf)
        moved = left->children[left->count];
    insert_at(right, 0, parent->items[at], TOID_NULL(struct node));
    if (!right->is_leaf) { /* insert_at put a hole right of the item; the new child belongs left of it */
        add_to_transaction(right->children, 2 * sizeof right->children[0]);
        right->children[1] = right->children[0];
        right->children[0] = moved;
    }
    add_to_transaction(&parent->items[at], sizeof parent->items[0]);
    parent->items[at] = left->items[left->count - 1];
    change_count(left, left->count - 1);
}

static void rotate_left(struct node* parent, uint32_t at) {
    struct node* const left = child_of(parent, at);
    struct node* const right = child_of(parent, at + 1);
    TOID(struct node) moved = TOID_NULL(struct node);
    if (!right->is_leaf)
        moved = right->children[0];
    insert_at(left, left->count, parent->items[at], moved);
    add_to_transaction(&parent->items[at], sizeof parent->items[0]);
    parent->items[at] = right->items[0];
    if (!right->is_leaf) {
        add_to_transaction(right->children, (right->count + 1) * sizeof right->children[0]);
        right->children[0] = right->children[1];
    }
    take_out_at(right, 0);
}

/* The child, made to have more than LEAST items if it has not; another one when it was merged into its left neighbour. */
static struct node* child_to_take_from(struct node* node, uint32_t at) {
    struct node* const child = child_of(node, at);
    if (child->count > LEAST)
        return child;
    if (at > 0 && child_of(node, at - 1)->count > LEAST) {
        rotate_right(node, at - 1);
        return child;
    }
    if (at < node->count && child_of(node, at + 1)->count > LEAST) {
        rotate_left(node, at);
        return child;
    }
    const uint32_t between = at < node->count ? at : at - 1;
    merge_children(node, between);
    return child_of(node, between);
}

/* REQUIRES: the node has more than LEAST items, as everywhere on the way down from here. */
static struct item take_last(struct node* node) {
    while (!node->is_leaf)
        node = child_to_take_from(node, node->count);
    const struct item item = node->items[node->count - 1];
    change_count(node, node->count - 1);
    return item;
}

static struct item take_first(struct node* node) {
    while (!node->is_leaf)
        node = child_to_take_from(node, 0);
    const struct item item = node->items[0];
    take_out_at(node, 0);
    return item;
}

/* REQUIRES: the key is in the tree below this node. Its value is freed by the caller. */
static void take_out(struct node* node, uint64_t key) {
    for (;;) {
        const uint32_t at = position_in(node, key);
        if (!is_at(node, at, key)) {
            node = child_to_take_from(node, at);
            continue;
        }
        if (node->is_leaf) {
            take_out_at(node, at);
            return;
        }
        struct node* const left = child_of(node, at);
        struct node* const right = child_of(node, at + 1);
        if (left->count > LEAST || right->count > LEAST) {
            const struct item neighbour = left->count > LEAST ? take_last(left) : take_first(right);
            add_to_transaction(&node->items[at], sizeof node->items[0]);
            node->items[at] = neighbour;
            return;
        }
        merge_children(node, at); /* the key went down */
        node = left;
    }
}

static void change_value(struct item* item, const void* data, size_t bytes) {
    TOID(struct value) old = item->value;
    if (D_RO(old)->bytes == bytes) {
        add_to_transaction(D_RW(old)->data, bytes);
        memcpy(D_RW(old)->data, data, bytes);
        return;
    }
    add_to_transaction(&item->value, sizeof item->value);
    item->value = new_value(data, bytes);
    TX_FREE(old);
}

static void store(struct btree_map* map, uint64_t key, const void* data, size_t bytes) {
    if (TOID_IS_NULL(map->root) || D_RO(map->root)->count == MOST) {
        add_to_transaction(&map->root, sizeof map->root);
        TOID(struct node) old = map->root;
        map->root = new_node(TOID_IS_NULL(old));
        if (!TOID_IS_NULL(old)) {
            D_RW(map->root)->children[0] = old;
            split_child(D_RW(map->root), 0);
        }
    }
    struct node* node = D_RW(map->root);
    for (;;) {
        uint32_t at = position_in(node, key);
        if (is_at(node, at, key)) {
            change_value(&node->items[at], data, bytes);
            return;
        }
        if (node->is_leaf) {
            const struct item item = {key, new_value(data, bytes)};
            insert_at(node, at, item, TOID_NULL(struct node));
            add_to_transaction(&map->items, sizeof map->items);
            map->items++;
            return;
        }
        if (child_of(node, at)->count == MOST) {
            split_child(node, at);
            if (node->items[at].key <= key)
                continue; /* right of what came up, or the very item */
        }
        node = child_of(node, at);
    }
}

/* ---- the interface ---- */

static int put(PMEMobjpool* pool, PMEMoid oid, uint64_t key, const void* value, size_t bytes) {
    struct btree_map* const map = map_of(oid);
    volatile int result = 0; /* volatile: it changes between a setjmp and a longjmp */
    TX_BEGIN(pool) {
        store(map, key, value, bytes);
    }
    TX_ONABORT {
        result = -1;
    }
    TX_END
    return result;
}

static const struct item* find(PMEMoid oid, uint64_t key) {
    const struct btree_map* const map = map_of(oid);
    if (TOID_IS_NULL(map->root))
        return NULL;
    const struct node* node = D_RO(map->root);
    for (;;) {
        const uint32_t at = position_in(node, key);
        if (is_at(node, at, key))
            return &node->items[at];
        if (node->is_leaf)
            return NULL;
        node = child_of(node, at);
    }
}

static int remove_key(PMEMobjpool* pool, PMEMoid oid, uint64_t key) {
    struct btree_map* const map = map_of(oid);
    const struct item* const item = find(oid, key);
    if (item == NULL)
        return 0;
    TOID(struct value) value = item->value;
    volatile int result = 1;
    TX_BEGIN(pool) {
        TOID(struct node) root = map->root;
        take_out(D_RW(root), key);
        if (D_RO(root)->count == 0) { /* one level less, or none */
            add_to_transaction(&map->root, sizeof map->root);
            map->root = D_RO(root)->is_leaf ? TOID_NULL(struct node) : D_RO(root)->children[0];
            TX_FREE(root);
        }
        TX_FREE(value);
        add_to_transaction(&map->items, sizeof map->items);
        map->items--;
    }
    TX_ONABORT {
        result = -1;
    }
    TX_END
    return result;
}

static int create(PMEMobjpool* pool, PMEMoid* where) {
    volatile int result = 0;
    TX_BEGIN(pool) {
        add_to_transaction(where, sizeof *where);
        TOID(struct btree_map) map = TX_ZNEW(struct btree_map);
        *where = map.oid;
    }
    TX_ONABORT {
        result = -1;
    }
    TX_END
    return result;
}

static const void* get(PMEMoid oid, uint64_t key, size_t* bytes) {
    const struct item* const item = find(oid, key);
    if (item == NULL)
        return NULL;
    *bytes = D_RO(item->value)->bytes;
    return D_RO(item->value)->data;
}

typedef int (*visitor)(uint64_t, const void*, size_t, void*);

static int visit_all(const struct node* node, visitor visit, void* argument) {
    for (uint32_t i = 0; i <= node->count; i++) {
        int result = node->is_leaf ? 0 : visit_all(child_of(node, i), visit, argument);
        if (result == 0 && i < node->count)
            result = visit(node->items[i].key, D_RO(node->items[i].value)->data,
                           D_RO(node->items[i].value)->bytes, argument);
        if (result != 0)
            return result;
    }
    return 0;
}

static int for_each(PMEMoid oid, visitor visit, void* argument) {
    const struct btree_map* const map = map_of(oid);
    return TOID_IS_NULL(map->root) ? 0 : visit_all(D_RO(map->root), visit, argument);
}

/* Adds the node's items to *found and its height to *height. Keys have to lie between `low` and `high`, both of them in it. */
static const char* check_node(const struct node* node, int is_root, uint64_t low, uint64_t high,
                              uint64_t* found, unsigned* height) {
    if (node->count > MOST || node->count < (is_root ? 1 : LEAST))
        return "a node has too few or too many items";
    *found += node->count;
    unsigned height_of_first = 0;
    for (uint32_t i = 0; i <= node->count; i++) {
        if (i < node->count && (node->items[i].key < low || node->items[i].key > high))
            return "a key is out of order";
        if (!node->is_leaf) {
            unsigned height_of_child = 0;
            const uint64_t child_high = i < node->count ? node->items[i].key - 1 : high;
            const char* const wrong =
                check_node(child_of(node, i), 0, low, child_high, found, &height_of_child);
            if (wrong != NULL)
                return wrong;
            if (i > 0 && height_of_child != height_of_first)
                return "leaves are at different depths";
            height_of_first = height_of_child;
        }
        if (i < node->count)
            low = node->items[i].key + 1;
    }
    *height = height_of_first + 1;
    return NULL;
}

static const char* check(PMEMoid oid) {
    const struct btree_map* const map = map_of(oid);
    uint64_t found = 0;
    unsigned height = 0;
    const char* const wrong =
        TOID_IS_NULL(map->root) ? NULL : check_node(D_RO(map->root), 1, 0, UINT64_MAX, &found, &height);
    if (wrong != NULL)
        return wrong;
    return found == map->items ? NULL : "the map counted another number of items";
}

const struct map_interface btree_map = {"btree", create, put, remove_key, get, for_each, check};
