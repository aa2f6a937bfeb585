/*
 * report_page - the parts of the report that are the same in every one.
 *
 * They stand in src/cli/page/ and are built into the program as they are.
 */
#ifndef JS_CLI_REPORT_PAGE_H
#define JS_CLI_REPORT_PAGE_H

/* Strings. */
extern const char js_report_style[];  /* CSS */
extern const char js_report_body[];   /* HTML */
extern const char js_report_script[]; /* JavaScript */

#endif
