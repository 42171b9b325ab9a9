"""Writes graphs.json: small graphs and what networkx says of them.

Run where networkx, numpy and scipy are installed: python make.py > graphs.json
"""

import json

import networkx as nx

GRAPHS = {
    "karate": nx.karate_club_graph(),
    "florentine": nx.convert_node_labels_to_integers(nx.florentine_families_graph(), ordering="sorted"),
    "les_miserables": nx.convert_node_labels_to_integers(nx.les_miserables_graph(), ordering="sorted"),
    "caveman": nx.connected_caveman_graph(6, 7),
    "barbell": nx.barbell_graph(6, 3),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 7), ordering="sorted"),
    "random": nx.gnp_random_graph(60, 0.08, seed=7),
    "scale_free": nx.barabasi_albert_graph(80, 2, seed=3),
    "islands": nx.disjoint_union_all([nx.cycle_graph(9), nx.star_graph(6), nx.empty_graph(3), nx.complete_graph(5)]),
    "path": nx.path_graph(12),
}


def listed(by_node):
    return [round(by_node[node], 12) for node in sorted(by_node)]


def facts(graph):
    graph = nx.Graph(graph.edges) if graph.number_of_edges() == 0 else graph
    for *_, data in graph.edges(data=True):
        data.clear()
    distances = [
        distance
        for source, lengths in nx.all_pairs_shortest_path_length(graph)
        for target, distance in lengths.items()
        if source != target
    ]
    partitions = [nx.community.louvain_communities(graph, seed=seed) for seed in range(20)]
    community = {node: place for place, nodes in enumerate(partitions[0]) for node in nodes}
    connected = nx.is_connected(graph)
    return {
        "nodes": graph.number_of_nodes(),
        "edges": sorted(sorted(edge) for edge in graph.edges),
        "components": sorted(min(nodes) for nodes in nx.connected_components(graph)),
        "triangles": listed(nx.triangles(graph)),
        "clustering": listed(nx.clustering(graph)),
        "mean_distance": round(sum(distances) / len(distances), 12),
        "diameter": max(distances),
        "efficiency": round(nx.global_efficiency(graph), 12),
        "closeness": listed(nx.closeness_centrality(graph)),
        "betweenness": listed(nx.betweenness_centrality(graph)),
        "pagerank": listed(nx.pagerank(graph, tol=1e-12, max_iter=1000)),
        # Where components tie for the largest eigenvalue the vector is not unique.
        "eigenvector": listed(nx.eigenvector_centrality_numpy(graph)) if connected else None,
        "partition": listed(community),
        "partition_modularity": round(nx.community.modularity(graph, partitions[0]), 12),
        "best_modularity": round(max(nx.community.modularity(graph, found) for found in partitions), 12),
    }


print(json.dumps({name: facts(graph) for name, graph in GRAPHS.items()}, separators=(",", ":")))
