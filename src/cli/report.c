#include "cli/report.h"

#include "base/buf.h"
#include "base/file.h"
#include "cli/report_data.h"
#include "cli/textbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- its files */

/* The assembler includes the files, so no tool is needed besides a compiler.
 * Paths start at the top of the source tree, where make runs. */
#define EMBED(name, parts)                                                     \
    __asm__(".pushsection .rodata\n"                                           \
            ".global " #name "\n"                                              \
            ".type " #name ", %object\n" #name ":\n" parts ".byte 0\n"         \
            ".size " #name ", . - " #name "\n"                                 \
            ".popsection\n")
#define TEXT(text) ".ascii \"" text "\"\n"
#define PAGE(file) ".incbin \"src/cli/page/" file "\"\n"

EMBED(js_report_style, PAGE("report.css"));
EMBED(js_report_body, PAGE("report.html"));
/* One function encloses everything, so the page has no global variables. Each
 * file may use constants of the files before it, and functions of all. */
EMBED(js_report_script,
      TEXT("(function () {\\n'use strict';\\n\\n") PAGE("data.js")
          PAGE("scales.js") PAGE("filter.js") PAGE("timeline.js")
              PAGE("pointer.js") PAGE("tables.js") PAGE("main.js")
                  TEXT("}());\\n"));

/* Strings that are the same in every report. */
extern const char js_report_style[];  /* CSS */
extern const char js_report_body[];   /* HTML */
extern const char js_report_script[]; /* JavaScript */

enum { NONCE_BYTES = 16 };

/* ---------------------------------------------------------------- the page */

/* Style and script carry a random number, which was unknown when the jobs were
 * written. So a script within the text of a job does not run. */
static int report_make_nonce(struct js_buf *ret)
{
    unsigned char bytes[NONCE_BYTES];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (js_buf_printf(ret, "%02x", bytes[i]) < 0)
            return -1;
    }
    return js_buf_string(ret) ? 0 : -1;
}

/* The data, which may be larger than memory, goes directly to the file. */
static int report_write_page(int fd, const struct js_report_data *data)
{
    struct js_buf nonce = JS_BUF_INIT, top = JS_BUF_INIT, bottom = JS_BUF_INIT;
    int rc = report_make_nonce(&nonce);
    if (rc == 0)
        rc = js_buf_printf(
            &top,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
            "charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" "
            "content=\"default-src 'none'; style-src 'nonce-%s'; script-src "
            "'nonce-%s'; img-src data:; base-uri 'none'; form-action "
            "'none'\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, "
            "initial-scale=1\">\n"
            "<meta name=\"color-scheme\" content=\"light dark\">\n"
            "<meta name=\"referrer\" content=\"no-referrer\">\n"
            "<link rel=\"icon\" href=\"data:,\">\n"
            "<title>jobsched report</title>\n<style nonce=\"%s\">\n%s"
            "</style>\n</head>\n<body>\n%s"
            "<script type=\"application/json\" id=\"data\">\n",
            nonce.data, nonce.data, nonce.data, js_report_style,
            js_report_body);
    if (rc == 0)
        rc = js_buf_printf(&bottom,
                           "\n</script>\n<script nonce=\"%s\">\n%s</script>\n"
                           "</body>\n</html>\n",
                           nonce.data, js_report_script);
    if (rc == 0 && (js_file_write(fd, top.data, top.len) < 0 ||
                    js_report_data_write(data, fd) < 0 ||
                    js_file_write(fd, bottom.data, bottom.len) < 0))
        rc = -1;
    js_buf_release(&nonce);
    js_buf_release(&top);
    js_buf_release(&bottom);
    return rc;
}

/* ---------------------------------------------------------------- the file */

/* Returns 0 if the file may be replaced. */
static int report_check_target(const char *path,
                               const struct js_report_config *config,
                               struct js_err *err)
{
    struct stat st;
    if (config->list && js_file_is_same(path, config->list))
        return js_err_set(err, "--report would replace the job list %s", path);
    if (js_file_is_same(path, config->journal))
        return js_err_set(err, "--report would replace the journal %s", path);
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return js_err_set(
            err, "--report cannot replace %s, which is not a regular file",
            path);
    return 0;
}

/* Never follows or writes a file that somebody else has put there. A leftover
 * of our own earlier report is replaced; another user's file is not. */
static int report_open_new(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_uid != geteuid()) {
        errno = EEXIST;
        return -1;
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return -1;
    return open(path,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
                0600);
}

/* The new report is on disk before it replaces the old one. */
static int report_write_new(const char *path, const char *journal,
                            const struct js_report_data *data)
{
    struct stat st;
    int fd = report_open_new(path);
    if (fd < 0)
        return -1;
    int rc = report_write_page(fd, data);
    /* Users who may not read the journal must not read the report either. */
    if (rc == 0)
        rc = stat(journal, &st) < 0 ? -1 : fchmod(fd, st.st_mode & 0666);
    if (rc == 0)
        rc = fsync(fd);
    if (close(fd) < 0)
        rc = -1;
    return rc;
}

static int report_refuse(const char *path, struct js_err *err)
{
    js_err_set(err,
               "--report would replace %s, which belongs to another user: "
               "choose another file",
               path);
    return JOBSCHED_BAD_INPUT;
}

/* Returns an exit status, with *err unless it is 0. */
static int report_replace(const char *path, const char *path_new,
                          const char *journal,
                          const struct js_report_data *data, struct js_err *err)
{
    struct stat old, new;
    int status = JOBSCHED_BROKEN;
    if (report_write_new(path_new, journal, data) < 0) {
        if (errno == EEXIST)
            return report_refuse(path_new, err);
        js_err_errno(err, "cannot write %s", path);
    } else if (lstat(path, &old) == 0 && lstat(path_new, &new) == 0 &&
               old.st_uid != new.st_uid) {
        /* In a folder that others can write to, they can replace our files.
         * The new file shows which owner our files get there: on some file
         * systems that is nobody. */
        status = report_refuse(path, err);
    } else if (rename(path_new, path) < 0) {
        js_err_errno(err, "cannot write %s", path);
    } else {
        return 0;
    }
    unlink(path_new);
    return status;
}

/* Returns an exit status, with *err unless it is 0. */
static int report_write(const char *path, const struct js_report_config *config,
                        struct js_err *err)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_report_data *data = NULL;
    int status = JOBSCHED_BAD_INPUT;
    if (js_buf_printf(&buf, "%s.new", path) < 0 || !js_buf_string(&buf)) {
        js_err_errno(err, "%s", path);
        status = JOBSCHED_BROKEN;
    } else if (report_check_target(path, config, err) == 0 &&
               report_check_target(buf.data, config, err) == 0) {
        data = js_report_data_new(config, err);
    }
    if (data)
        status = report_replace(path, buf.data, config->journal, data, err);
    js_report_data_free(data);
    js_buf_release(&buf);
    return status;
}

int js_report(const struct js_options *options)
{
    struct js_err err;
    char *journal = js_options_journal(&options->config, "", &err);
    if (!journal)
        return js_textbuf_fail(err.text, JOBSCHED_BAD_INPUT);
    const struct js_report_config config = {
        .list = js_options_list(&options->config),
        .journal = journal,
        .options = &options->config};
    int status = report_write(options->report, &config, &err);
    free(journal);
    return status == 0
               ? 0
               : js_textbuf_fail(err.text, (enum jobsched_status)status);
}
