/*
 * mpi_pingpong N - N messages of 64 bytes from rank 0 to the others in turn and
 * back, one under way to each, with blocking calls: what a farm could do that
 * sends a message a job and a message an end, and does nothing else.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 64, GO = 1, STOP = 2 };

static void send_to(int conn, int tag)
{
    static const char bytes[SIZE];
    MPI_Send(bytes, SIZE, MPI_CHAR, conn, tag, MPI_COMM_WORLD);
}

static int receive_from(int conn, int *ret_tag)
{
    char bytes[SIZE];
    MPI_Status status;
    MPI_Recv(bytes, SIZE, MPI_CHAR, conn, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    *ret_tag = status.MPI_TAG;
    return status.MPI_SOURCE;
}

static void serve(long n, int size)
{
    int tag;
    long sent = 0, left = 0;
    for (int conn = 1; conn < size && sent < n; conn++, sent++, left++)
        send_to(conn, GO);
    for (; left > 0; left--) {
        int conn = receive_from(MPI_ANY_SOURCE, &tag);
        if (sent == n)
            continue;
        send_to(conn, GO);
        sent++;
        left++;
    }
    for (int conn = 1; conn < size; conn++)
        send_to(conn, STOP);
}

static void answer(void)
{
    int tag;
    for (receive_from(0, &tag); tag == GO; receive_from(0, &tag))
        send_to(0, GO);
}

int main(int argc, char **argv)
{
    int rank, size;
    if (argc != 2 || MPI_Init(&argc, &argv) != MPI_SUCCESS)
        return 2;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank == 0)
        serve(strtol(argv[1], NULL, 10), size);
    else
        answer();
    MPI_Finalize();
    return 0;
}
