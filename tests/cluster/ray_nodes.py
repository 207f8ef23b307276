"""A Ray cluster of several nodes on this machine, in a process of its own: `python ray_nodes.py NODES`.

It prints its address, then reads what to do from standard input, a line each, and answers with a line: `add`, `kill N`
(a node, not kindly), `head` (kill the head). It ends with its input.
"""

import sys
from typing import Any

from ray.cluster_utils import Cluster


def add(cluster: Cluster) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)


def main() -> None:
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 * 2**20},
    )
    nodes = [add(cluster) for _ in range(int(sys.argv[1]))]
    print("cluster", cluster.address, flush=True)
    for line in sys.stdin:
        what, *which = line.split()
        if what == "add":
            nodes.append(add(cluster))
        elif what == "kill":
            cluster.remove_node(nodes[int(which[0])], allow_graceful=False)
        elif what == "head":
            for processes in cluster.head_node.all_processes.values():
                for process in processes:
                    process.process.kill()
        print("cluster done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
