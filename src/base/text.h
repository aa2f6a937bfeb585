/*
 * text - text that a user or a job has supplied, on its way to a terminal.
 */
#ifndef JS_BASE_TEXT_H
#define JS_BASE_TEXT_H

/*
 * Puts '?' in the place of every byte that could steer a terminal: control
 * bytes, and those of C1 (0x80 to 0x9f) as they are and as UTF-8 has them. What
 * else is UTF-8 stays, and so do bytes that are none from 0xa0 on.
 */
void js_text_make_printable(char *text);

#endif
