#include "list/settings.h"

#include "base/pack.h"

static const struct js_field settings_fields[] = {
#define SETTINGS_FIELD(type, name, preset) JS_FIELD(struct js_settings, name),
    JS_SETTINGS_OPTIONS(SETTINGS_FIELD)
#undef SETTINGS_FIELD
        JS_FIELD(struct js_settings, cwd),
    JS_FIELD(struct js_settings, umask),
    JS_FIELD(struct js_settings, capture),
    JS_FIELD(struct js_settings, run_id),
};

int js_settings_pack(struct js_buf *buf, const struct js_settings *settings)
{
    return js_fields_pack(buf, JS_FIELDS(settings_fields), settings);
}

void js_settings_unpack(struct js_cursor *cursor, struct js_settings *ret)
{
    js_fields_unpack(cursor, JS_FIELDS(settings_fields), ret);
    if (ret->capture >= JS_CAPTURE_COUNT)
        cursor->bad = true;
}
