"""networkx beside `cargo run --release -p cortexkg-compute --example analytics`, on the same edges.

python networkx_graph.py make FILE NODES DEGREE    writes a graph: `a b` a line
python networkx_graph.py time FILE [SOURCES]       CPU seconds of networkx over it, as CSV
"""

import random
import sys
import time

import networkx as nx


def make(path, nodes, degree):
    """Communities of 50 nodes, three quarters of all edges inside them, the others to anywhere, hubs first: as a store of memories
    and entities looks."""
    draw = random.Random(1)
    with open(path, "w") as file:
        for node in range(nodes):
            for _ in range(degree // 2):
                if draw.random() < 0.75:
                    other = min(node // 50 * 50 + draw.randrange(50), nodes - 1)
                else:
                    other = int(nodes * draw.random() ** 3)
                file.write(f"{node} {other}\n")


def measured(what, run, tell):
    began, cpu = time.perf_counter(), time.process_time()
    result = run()
    print(f"{what},{time.process_time() - cpu:.3f},{time.perf_counter() - began:.3f},{tell(result)}", flush=True)
    return result


def measure(path, sources):
    with open(path) as file:
        edges = [tuple(map(int, line.split())) for line in file]
    print("what,cpu_s,wall_s,found")

    def build():
        graph = nx.Graph()
        graph.add_edges_from(edges)
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        return graph

    graph = measured("rows", build, lambda g: f"{len(g)} nodes {g.number_of_edges()} edges")
    measured("components", lambda: list(nx.connected_components(graph)), lambda c: f"{len(c)} components")
    measured("triangles", lambda: nx.triangles(graph), lambda t: f"{sum(t.values()) // 3} triangles")
    chosen = random.Random(2).sample(sorted(graph), sources)

    def distances():
        found = [d for s in chosen for d in nx.single_source_shortest_path_length(graph, s).values() if d]
        return sum(found) / len(found)

    measured(f"distances from {sources}", distances, lambda mean: f"mean {mean:.4f}")
    few = max(1, sources // 4)
    measured(f"betweenness from {few}", lambda: nx.betweenness_centrality(graph, k=few, seed=2),
             lambda b: f"highest {max(b.values()):.6f}")
    measured("pagerank", lambda: nx.pagerank(graph), lambda p: f"highest {max(p.values()):.6e}")
    measured("eigenvector", lambda: nx.eigenvector_centrality(graph, max_iter=200), lambda e: "")
    measured("communities", lambda: nx.community.louvain_communities(graph, seed=1),
             lambda c: f"{len(c)} with modularity {nx.community.modularity(graph, c):.4f}")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        measure(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 64)
