import Logging
internal import Synchronization

/// A tracker's figures for Prometheus.
enum TrackerMetrics {
  /// The page: at most some hundred lines, whatever the tracker holds.
  static func text(_ core: TrackerCore) -> String {
    var page = Exposition()
    page.metric("apus_build_info", .gauge, "The program, as labels.")
    page.sample("apus_build_info", [("version", TrackerStatus.version)], 1)
    table(core, &page)
    requests(core.counters, &page)
    datagrams(core.counters, &page)
    extensions(core, &page)
    page.times(
      "apus_tracker_announce_seconds",
      "Time that the table takes for an announce, of one in \(TrackerCounters.sampling).",
      core.counters.announceTime)
    clients(core.status.clients, &page)
    access(core.access, &page)
    if let log = core.configuration.log {
      page.single("apus_log_lines_total", .counter, "Lines of the log that were written.", log.lines)
      page.single("apus_log_dropped_total", .counter, "Lines of the log that found no room.", log.dropped)
    }
    process(ProcessFigures.now, &page)
    page.single(
      "apus_tracker_uptime_seconds", .gauge, "Seconds since the tracker started.",
      Int(core.clock() &- core.startedAt))
    return page.text
  }

  private static func table(_ core: TrackerCore, _ page: inout Exposition) {
    let (statistics, limits) = (core.table.statistics, core.configuration.limits)
    page.single("apus_tracker_torrents", .gauge, "Torrents in the table.", statistics.torrents)
    page.metric("apus_tracker_peers", .gauge, "Peers in the table.")
    page.sample("apus_tracker_peers", [("kind", "seed")], statistics.seeds)
    page.sample("apus_tracker_peers", [("kind", "leech")], statistics.peers - statistics.seeds)
    page.single("apus_tracker_table_bytes", .gauge, "Memory of the table.", core.table.byteCount)
    page.single("apus_tracker_torrents_limit", .gauge, "Torrents that the table takes.", limits.torrents)
    page.single("apus_tracker_peers_limit", .gauge, "Peers that the table takes.", limits.peers)
  }

  private static func requests(_ counters: TrackerCounters, _ page: inout Exposition) {
    let (all, v6) = (
      counters.announces.load(ordering: .relaxed), counters.announcesV6.load(ordering: .relaxed)
    )
    let udp = counters.udpAnnounces.load(ordering: .relaxed)
    let udpV6 = counters.udpAnnouncesV6.load(ordering: .relaxed)
    page.metric("apus_tracker_announces_total", .counter, "Announces that could be read.")
    for (transport, family, count) in [
      ("udp", "ipv4", udp - udpV6), ("udp", "ipv6", udpV6), ("http", "ipv4", all - v6 - (udp - udpV6)),
      ("http", "ipv6", v6 - udpV6),
    ] {
      // They are read one after the other, while they grow.
      page.sample(
        "apus_tracker_announces_total", [("transport", transport), ("family", family)], max(0, count))
    }
    page.metric("apus_tracker_announce_events_total", .counter, "Announces with an event.")
    for (name, cell) in counters.events {
      page.sample("apus_tracker_announce_events_total", [("event", name)], cell)
    }
    let scrapes = counters.scrapes.load(ordering: .relaxed)
    let udpScrapes = counters.udpScrapes.load(ordering: .relaxed)
    page.metric("apus_tracker_scrapes_total", .counter, "Scrapes, whatever the number of torrents.")
    page.sample("apus_tracker_scrapes_total", [("transport", "udp")], udpScrapes)
    page.sample("apus_tracker_scrapes_total", [("transport", "http")], max(0, scrapes - udpScrapes))
    page.single(
      "apus_tracker_failures_total", .counter, "Requests over HTTP that were answered with a failure.",
      counters.failures.load(ordering: .relaxed))
    page.metric(
      "apus_tracker_http_connections_total", .counter,
      "HTTP connections that were not answered on the loops to their end, by what became of them.")
    for (name, cell) in counters.connections {
      page.sample("apus_tracker_http_connections_total", [("fate", name)], cell)
    }
    page.metric("apus_tracker_refusals_total", .counter, "Announces that were not taken, by reason.")
    for (name, cell) in counters.refusals {
      page.sample("apus_tracker_refusals_total", [("reason", name)], cell)
    }
  }

  private static func datagrams(_ counters: TrackerCounters, _ page: inout Exposition) {
    func count(_ name: String, _ help: String, _ value: Int) {
      page.single("apus_tracker_udp_\(name)_total", .counter, help, value)
    }
    count("datagrams", "Datagrams that came.", counters.udpRequests.load(ordering: .relaxed))
    count("connects", "Connection ids that were given out.", counters.udpConnects.load(ordering: .relaxed))
    count(
      "bad_connections", "Datagrams whose connection id was not good.",
      counters.udpBadConnections.load(ordering: .relaxed))
    count(
      "errors", "Datagrams that were answered with an error.", counters.udpErrors.load(ordering: .relaxed))
    count("malformed", "Datagrams that were no request.", counters.udpMalformed.load(ordering: .relaxed))
    count("lost", "Answers that the system did not take.", counters.udpLost.load(ordering: .relaxed))
    count("received_bytes", "Bytes of the datagrams that came.", counters.udpBytesIn.load(ordering: .relaxed))
    count("sent_bytes", "Bytes of the answers.", counters.udpBytesOut.load(ordering: .relaxed))
  }

  private static func extensions(_ core: TrackerCore, _ page: inout Exposition) {
    let (counters, kept) = (core.counters, core.extensions)
    page.single(
      "apus_tracker_batches_total", .counter, "Requests with all torrents of a node that could be read.",
      counters.batches.load(ordering: .relaxed))
    page.single(
      "apus_tracker_batch_entries_total", .counter, "Torrents that these listed; announces have them, too.",
      counters.batchEntries.load(ordering: .relaxed))
    page.single(
      "apus_tracker_batch_torrents", .gauge,
      "Torrents that are remembered for the nodes that announced them so.",
      kept.nodes.entries)
    page.single(
      "apus_tracker_piece_reports_total", .counter,
      "Announces that spoke of pieces, those in batches included.",
      counters.pieceReports.load(ordering: .relaxed))
    page.single(
      "apus_tracker_pieces_bytes", .gauge, "Memory of the pieces that clients say they have.",
      kept.pieces.memory)
    page.single(
      "apus_tracker_pieces_limit_bytes", .gauge, "Memory that these may take.", kept.pieces.limits.memory)
    page.single(
      "apus_tracker_ranked_torrents", .gauge, "Torrents in which somebody lately asked for the best peers.",
      kept.rank.swarms)
    page.single("apus_tracker_rank_bytes", .gauge, "Memory of what peers give there.", kept.rank.memory)
    page.single(
      "apus_tracker_rank_limit_bytes", .gauge, "Memory that this may take.", kept.rank.limits.memory)
  }

  private static func clients(_ clients: ClientCounts, _ page: inout Exposition) {
    let names = clients.names
    guard !names.isEmpty else { return }
    page.metric(
      "apus_tracker_client_share", .gauge,
      "Share of the announces of the last one to two hours by program, from a sample.")
    let all = names.reduce(0) { $0 + $1.count }
    let others = names.dropFirst(20).reduce(0) { $0 + $1.count }
    let unnamed = names.prefix(20).first { $0.name == ClientCounts.others }?.count ?? 0
    for (name, count) in names.prefix(20) where name != ClientCounts.others {
      page.sample("apus_tracker_client_share", [("client", name)], Double(count) / Double(all))
    }
    page.sample(
      "apus_tracker_client_share", [("client", ClientCounts.others)], Double(others + unnamed) / Double(all))
  }

  private static func access(_ rules: AccessRules, _ page: inout Exposition) {
    guard let lists = rules.lists else { return }
    page.metric("apus_tracker_access_entries", .gauge, "Entries of the lists that say who may announce what.")
    for (name, count) in [
      ("allow", lists.allowed?.count), ("deny", lists.denied?.count), ("passkeys", lists.passkeys?.count),
    ] {
      if let count { page.sample("apus_tracker_access_entries", [("list", name)], count) }
    }
  }

  private static func process(_ figures: ProcessFigures, _ page: inout Exposition) {
    page.metric("process_cpu_seconds_total", .counter, "Seconds of processor time.")
    page.sample("process_cpu_seconds_total", [], figures.processorSeconds)
    page.single("process_resident_memory_bytes", .gauge, "Bytes in memory.", figures.residentMemory)
    page.single("process_virtual_memory_bytes", .gauge, "Bytes of addresses.", figures.virtualMemory)
    page.single("process_open_fds", .gauge, "Open file descriptors.", figures.descriptors)
    page.single("process_max_fds", .gauge, "File descriptors that may be open.", figures.maximumDescriptors)
    page.metric("process_start_time_seconds", .gauge, "Start of the process, in seconds since 1970.")
    page.sample("process_start_time_seconds", [], figures.startTime)
  }
}

extension TrackerStatus {
  /// What the program calls this version.
  static let version = "0.1.0"
}
