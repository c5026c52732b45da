/* A shared library is made of object libraries; CMake wants one source of its own. */
typedef int terrace_translation_unit_is_not_empty;
