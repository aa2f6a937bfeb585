#include "cli/report_page.h"

/* The assembler puts the files in: no tool is needed that a compiler does not
 * bring. Paths begin at the top of the tree, where make runs. */
#define EMBED(name, path)                                                      \
    __asm__(".pushsection .rodata\n"                                           \
            ".global " #name "\n"                                              \
            ".type " #name ", %object\n" #name ":\n"                           \
            ".incbin \"" path "\"\n"                                           \
            ".byte 0\n"                                                        \
            ".size " #name ", . - " #name "\n"                                 \
            ".popsection\n")

EMBED(js_report_style, "src/cli/page/report.css");
EMBED(js_report_body, "src/cli/page/report.html");
EMBED(js_report_script, "src/cli/page/report.js");
