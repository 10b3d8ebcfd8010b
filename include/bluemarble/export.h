/// Marks what a program that uses the shared library may call.
#pragma once

#if defined(__GNUC__)
#define BLUEMARBLE_API __attribute__((visibility("default")))
#else
#define BLUEMARBLE_API
#endif
