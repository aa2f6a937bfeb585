/*
 * banned - libc calls that have cost other people too much.
 *
 * Force-included into every file of the project (see the Makefile). Each name
 * is declared once more as deprecated, and -Werror=deprecated-declarations
 * makes its use an error; headers that merely declare the name still compile.
 */
#ifndef JS_BASE_BANNED_H
#define JS_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* clang refuses the attribute behind a body, and glibc has some inline. */
#ifdef __clang__
#define JS_BANNED(why)
#else
#define JS_BANNED(why) __attribute__((deprecated(why)))
#endif

char *strcpy(char *, const char *) JS_BANNED("has no bound: use js_buf");
char *strcat(char *, const char *) JS_BANNED("has no bound: use js_buf");
char *strtok(char *, const char *) JS_BANNED("has hidden state");
int sprintf(char *, const char *, ...) JS_BANNED("has no bound: snprintf");
int atoi(const char *) JS_BANNED("hides errors: use base/units.h");
long atol(const char *) JS_BANNED("hides errors: use base/units.h");
double atof(const char *) JS_BANNED("hides errors: use base/units.h");
struct tm *gmtime(const time_t *) JS_BANNED("has hidden state: gmtime_r");
struct tm *localtime(const time_t *) JS_BANNED("has hidden state");
int system(const char *) JS_BANNED("forks the whole process: use js_spawn");

#endif
