/*
 * Typed object names. TOID(t) is a PMEMoid that the compiler knows to name a t, so that mixing up types does
 * not compile; it has the size and the representation of a PMEMoid. A layout numbers a program's types:
 *
 *     POBJ_LAYOUT_BEGIN(shop);
 *     POBJ_LAYOUT_ROOT(shop, struct shop);
 *     POBJ_LAYOUT_TOID(shop, struct order);
 *     POBJ_LAYOUT_END(shop);
 *
 * t is written as in a declaration: `struct order`, `union u`, `enum e`, or the name of a typedef.
 */
#ifndef LIBPMEMOBJ_TYPES_H
#define LIBPMEMOBJ_TYPES_H 1

#include <libpmemobj/base.h>

#define PMEMOBJ_MAX_LAYOUT ((size_t)1024) /* bytes of a layout's name, the final NUL included */
#define POBJ_ROOT_TYPE_NUM 0              /* the type number of the root object */

/* ---- declaring ---- */

/* Pasting "_toid_" in front of `struct order` makes `_toid_struct order…`; that these three names are empty
 * macros leaves the tag alone. This is why t may be two words. */
#define _toid_struct
#define _toid_union
#define _toid_enum

#define TOID(t) union _toid_##t##_toid

#ifdef __cplusplus
#define _TOID_CONSTR(t)           \
    _toid_##t##_toid() = default; \
    _toid_##t##_toid(PMEMoid name) : oid(name) {}
#else
#define _TOID_CONSTR(t)
#endif

/* The union's other members only carry types: _type the object's, _type_num the type number as an array's size. */
#define _TOID_DECLARE(t, number)                             \
    typedef uint8_t _toid_##t##_toid_type_num[(number) + 1]; \
    TOID(t) {                                                \
        _TOID_CONSTR(t)                                      \
        PMEMoid oid;                                         \
        t* _type;                                            \
        _toid_##t##_toid_type_num* _type_num;                \
    }

/* Declares TOID(t) with a type number of the program's choice (at least 1), or as the type of the root. */
#define TOID_DECLARE(t, number) _TOID_DECLARE(t, number)
#define TOID_DECLARE_ROOT(t) _TOID_DECLARE(t, POBJ_ROOT_TYPE_NUM)

/* Declares all types of a layout, numbered 1, 2, … in their order; the root is not counted. */
#define _POBJ_LAYOUT_REF(name) (sizeof(_pobj_layout_##name##_ref))
#define POBJ_LAYOUT_BEGIN(name) typedef uint8_t _pobj_layout_##name##_ref[__COUNTER__ + 1]
#define POBJ_LAYOUT_TOID(name, t) TOID_DECLARE(t, (__COUNTER__ + 1 - _POBJ_LAYOUT_REF(name)));
#define POBJ_LAYOUT_ROOT(name, t) TOID_DECLARE_ROOT(t);
#define POBJ_LAYOUT_END(name) \
    typedef char _pobj_layout_##name##_cnt[__COUNTER__ + 1 - _POBJ_LAYOUT_REF(name)];

#define POBJ_LAYOUT_NAME(name) #name /* for pmemobj_create and _open */
/* how many types, without the root */
#define POBJ_LAYOUT_TYPES_NUM(name) (sizeof(_pobj_layout_##name##_cnt) - 1)

/* ---- using ---- */

#define TOID_NULL(t) ((TOID(t))OID_NULL)
#define TOID_IS_NULL(o) OID_IS_NULL((o).oid)
#define TOID_EQUALS(lhs, rhs) OID_EQUALS((lhs).oid, (rhs).oid)

#define TOID_TYPE_NUM(t) (sizeof(_toid_##t##_toid_type_num) - 1) /* of a type */
#define TOID_TYPE_NUM_OF(o) (sizeof(*(o)._type_num) - 1)         /* of a typed name */
#define TOID_TYPEOF(o) __typeof__(*(o)._type)
#define TOID_OFFSETOF(o, field) offsetof(TOID_TYPEOF(o), field)

/* Does the object's stored type number agree? The name must not be null. */
#define TOID_VALID(o) (TOID_TYPE_NUM_OF(o) == pmemobj_type_num((o).oid))
#define OID_INSTANCEOF(o, t) (TOID_TYPE_NUM(t) == pmemobj_type_num(o))

/* Takes an untyped name over, without a check; the value of the expression is o. */
#ifdef __clang__
#define TOID_ASSIGN(o, value) ((o).oid = (value), (o))
#else
#define TOID_ASSIGN(o, value) \
    (__extension__({          \
        (o).oid = (value);    \
        (o);                  \
    }))
#endif

/* Pointers to the object: D_RW to change it, D_RO to read it. D_RW of a const name does not compile. They
 * cost what pmemobj_direct costs; a loop should keep the pointer. */
#ifdef __cplusplus
template <typename Name>
inline void* _pobj_direct_rw(Name*, PMEMoid oid) {
    return pmemobj_direct(oid);
}
template <typename Name>
void* _pobj_direct_rw(const Name*, PMEMoid oid) = delete;
#define DIRECT_RW(o) \
    (static_cast<TOID_TYPEOF(o)*>(_pobj_direct_rw(static_cast<__typeof__(o)*>(NULL), (o).oid)))
#define DIRECT_RO(o) (static_cast<const TOID_TYPEOF(o)*>(pmemobj_direct((o).oid)))
#else
#define _POBJ_IS_WRITABLE(o) \
    __builtin_types_compatible_p(__typeof__(&((__typeof__(o)*)NULL)->_type), TOID_TYPEOF(o)**)
#define DIRECT_RW(o) \
    ((TOID_TYPEOF(o)*)((void)sizeof(char[_POBJ_IS_WRITABLE(o) ? 1 : -1]), pmemobj_direct((o).oid)))
#define DIRECT_RO(o) ((const TOID_TYPEOF(o)*)pmemobj_direct((o).oid))
#endif

#define D_RW DIRECT_RW
#define D_RO DIRECT_RO

#endif
