/*
 * The library's messages as they happen: who gets them, and which. The same as pmem_log_* of libpmem.h, for
 * this library.
 */
#ifndef LIBPMEMOBJ_LOG_H
#define LIBPMEMOBJ_LOG_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How serious a message is, the most serious first. */
enum pmemobj_log_level {
    PMEMOBJ_LOG_LEVEL_HARK,    /* facts about the library; as a threshold: nothing else */
    PMEMOBJ_LOG_LEVEL_FATAL,   /* the library cannot go on */
    PMEMOBJ_LOG_LEVEL_ERROR,   /* a function failed: what pmemobj_errormsg says */
    PMEMOBJ_LOG_LEVEL_WARNING, /* something is not as it should be */
    PMEMOBJ_LOG_LEVEL_NOTICE,
    PMEMOBJ_LOG_LEVEL_INFO,
    PMEMOBJ_LOG_LEVEL_DEBUG
};

/* Two limits: a message that is less serious than PMEMOBJ_LOG_THRESHOLD goes nowhere (at first: than a warning);
 * one that is at least as serious as PMEMOBJ_LOG_THRESHOLD_AUX is also written to stderr by the library's own
 * function (at first: PMEMOBJ_LOG_LEVEL_HARK, so errors are not). A function of yours may use the second limit
 * for what it likes. */
enum pmemobj_log_threshold { PMEMOBJ_LOG_THRESHOLD, PMEMOBJ_LOG_THRESHOLD_AUX, PMEMOBJ_LOG_THRESHOLD_MAX };

/* Called in the thread that has the message, and often at the same time by several. The texts are good until it
 * returns; it may not call this library. */
typedef void pmemobj_log_function(enum pmemobj_log_level level, const char* file_name, unsigned line_no,
                                  const char* function_name, const char* message);

#define PMEMOBJ_LOG_USE_DEFAULT_FUNCTION (NULL)

/* Sends messages to log_function, from now on; PMEMOBJ_LOG_USE_DEFAULT_FUNCTION brings the library's own back. Its
 * first message, of level HARK, names the library. Always returns 0. */
int pmemobj_log_set_function(pmemobj_log_function* log_function);

/* Sets or gets a limit. Return 0, or -1 with errno:
 *   EINVAL  there is no such threshold or level; level is NULL
 *   EAGAIN  another thread is setting the same limit: try again */
int pmemobj_log_set_threshold(enum pmemobj_log_threshold threshold, enum pmemobj_log_level level);
int pmemobj_log_get_threshold(enum pmemobj_log_threshold threshold, enum pmemobj_log_level* level);

#ifdef __cplusplus
}
#endif
#endif
