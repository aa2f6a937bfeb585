# "KIND MS SECONDS_A_JOB BARE_LOOP'S" a line -> an SVG: jobs a second (two at a
# time) by the length of a job, both axes logarithmic.
function x(ms) { return 70 + log(ms) / log(100) * 500 }
function y(rate) { return 330 - log(rate / 10) / log(1000) * 300 }
function line(points, color, dash, label, at) {
    printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" " \
           "stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n", points, color, dash
    printf "<text x=\"350\" y=\"%d\" fill=\"%s\">%s</text>\n", at, color, label
}
{
    ours[$1] = ours[$1] x($2) "," y(1 / $3) " "
    bare[$1] = bare[$1] x($2) "," y(1 / $4) " "
    if ($1 == "spin") ideal = ideal x($2) "," y(2000 / $2) " "
}
END {
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" " \
          "height=\"380\" font-family=\"sans-serif\" font-size=\"13\">"
    print "<rect width=\"600\" height=\"380\" fill=\"white\"/>"
    for (ms = 1; ms <= 100; ms *= 10)
        printf "<text x=\"%d\" y=\"350\" text-anchor=\"middle\">%d ms</text>\n", x(ms), ms
    for (rate = 10; rate <= 10000; rate *= 10)
        printf "<path d=\"M70 %d H570\" stroke=\"#ddd\"/>" \
               "<text x=\"62\" y=\"%d\" text-anchor=\"end\">%d/s</text>\n", \
               y(rate), y(rate) + 4, rate
    print "<text x=\"320\" y=\"372\" text-anchor=\"middle\">length of a job, two at a time</text>"
    line(ideal, "#999", "2 4", "no cost at all", 60)
    line(bare["spin"], "#d80", "6 4", "bare posix_spawn loop", 80)
    line(ours["spin"], "#06c", "", "jobsched", 100)
    print "</svg>"
}
