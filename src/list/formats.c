#include "list/formats.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/jobfile.h"

#include <string.h>

struct format {
    const char *name;
    struct js_reader *(*new_reader)(const char *name);
};

/* Our own comes first. */
static const struct format formats[] = {
    {"lines", js_jobfile_new},
};

enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

const char *js_formats_name(size_t i)
{
    return i < FORMATS ? formats[i].name : NULL;
}

const char *js_formats_find(const char *format, struct js_err *err)
{
    const char *names[FORMATS + 1] = {NULL};
    struct js_buf all = JS_BUF_INIT;
    for (size_t i = 0; i < FORMATS; i++) {
        names[i] = formats[i].name;
        if (strcmp(names[i], format) == 0)
            return names[i];
    }
    for (size_t i = 0; i < FORMATS; i++)
        js_buf_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *closest = js_text_closest(format, names);
    const char *known = js_buf_string(&all);
    js_err_set(err, "no such format%s%s%s; the formats are: %s",
               closest ? " (did you mean \"" : "", closest ? closest : "",
               closest ? "\"?)" : "", known ? known : "");
    js_buf_release(&all);
    return NULL;
}

struct js_reader *js_formats_new_reader(const char *format, const char *name)
{
    for (size_t i = 0; format && i < FORMATS; i++) {
        if (strcmp(formats[i].name, format) == 0)
            return formats[i].new_reader(name);
    }
    return js_jobfile_new(name);
}
