// Is this a build with a sanitizer? Then tests that repeat something do it less often.
#pragma once

namespace terrace::persist {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSlowBuild = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kIsSlowBuild = true;
#else
constexpr bool kIsSlowBuild = false;
#endif
#else
constexpr bool kIsSlowBuild = false;
#endif

}  // namespace terrace::persist
