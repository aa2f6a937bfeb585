/* mpi_hosts: an MPI program; rank 0 prints for each rank "RANK HOST". */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOST_SIZE = 64 };

int main(int argc, char **argv)
{
    int rank, size;
    char host[HOST_SIZE] = "";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    char *hosts = calloc((size_t)size, HOST_SIZE);
    if (!hosts)
        MPI_Abort(MPI_COMM_WORLD, 1);
    gethostname(host, sizeof(host) - 1);
    MPI_Gather(host, HOST_SIZE, MPI_CHAR, hosts, HOST_SIZE, MPI_CHAR, 0,
               MPI_COMM_WORLD);
    for (int i = 0; rank == 0 && i < size; i++)
        printf("%d %s\n", i, hosts + (size_t)i * HOST_SIZE);
    free(hosts);
    MPI_Finalize();
    return 0;
}
