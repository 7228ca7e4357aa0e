import Addresses
import ArgumentParsing
import BitTorrent
import Metainfo

/// `apus seed`: serves what is here until interrupted.
struct Seed: RunnableCommand {
  static let name = "seed"
  static let summary = "Seed what is here until interrupted."
  static let discussion = """
    Files that changed since they were last seen are checked first; what is damaged or missing is fetched \
    from other peers.
    """
  static let stopsCleanly = true
  static let parameters: [Parameter<Self>] =
    [
      .arguments(
        \.files, "torrent", minimum: 0, help: "A .torrent file, or a magnet link that was downloaded before.",
        complete: .files("torrent")),
      .option(
        \.torrents, "--torrents", value: "folder", help: "Seed every .torrent file in this folder, too.",
        complete: .directories),
      .option(
        \.directory, "--dir", "-d", value: "folder", help: "Where the content is.", complete: .directories),
      .option(
        \.retry, "--retry", value: "time",
        help: "When a fault stops a torrent (disk error, folder gone), try again at this interval."),
      .option(
        \.eventInterval, "--event-interval", value: "time", help: "How often --json tells of progress.",
        isHidden: true),
      .flag(\.json, "--json", help: "Print events, one JSON object a line."),
      .flag(\.quiet, "--quiet", "-q", help: "Show no progress."),
    ] + Parameter.group(\.network, NetworkOptions.parameters)
  var files: [String] = []
  var torrents: String?
  var directory = "."
  var retry: TimeSpan?
  var eventInterval = TimeSpan(seconds: 1)
  var json = false
  var quiet = false
  var network = NetworkOptions()
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    if files.isEmpty, torrents == nil { throw UsageProblem("give a .torrent file, or --torrents <folder>") }
    try network.validate()
    if let retry, retry.seconds < 1 { throw UsageProblem("--retry: the shortest interval is 1s") }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    var sources = files
    if let torrents {
      let found = try FileSystem.names(in: torrents).filter { $0.hasSuffix(".torrent") }
      guard !found.isEmpty || !files.isEmpty else { throw Failure("no .torrent file in '\(torrents)'") }
      sources += found.map { "\(torrents)/\($0)" }
    }
    let hasMagnet = sources.contains { if case .magnet = TorrentSource($0) { true } else { false } }
    if sources.count > SeedMany.threshold, !json, !hasMagnet { return try await seedMany(sources, scene) }
    var loaded: [LoadedSource] = []
    for source in sources {
      if case .magnet(let link) = TorrentSource(source) {
        loaded.append(.magnet(try Magnet.parsed(link)))
      } else {
        loaded.append(.torrent(try Self.load(source, directory)))
      }
    }
    let session = try await network.session(scene.console)
    let settings = SwarmRun.Settings(
      goal: .none, json: json, quiet: quiet, eventInterval: eventInterval.seconds, retry: retry?.seconds)
    var run = SwarmRun(session, settings, scene)
    for source in loaded {
      var options = AddOptions(directory: directory)
      options.peers = network.peers
      options.choose = { [directory] info in
        try Self.checkPresence(info, in: directory)
        return nil
      }
      try await run.add(source, options)
    }
    return await run.run()
  }

  /// Torrents that are read when they are needed, so that those that nobody wants take no memory.
  private func seedMany(_ sources: [String], _ scene: Scene) async throws(Failure) -> ExitStatus {
    var options = AddOptions(directory: directory)
    options.peers = network.peers
    let directory = directory
    let batch = TorrentBatch(count: sources.count, options: options) { number in
      try Self.load(sources[number], directory)
    }
    let session = try await network.session(scene.console)
    var run = SeedMany(session, retry: retry?.seconds, quiet: quiet, scene)
    try await run.add(batch)
    return await run.run()
  }

  private static func load(_ source: String, _ directory: String) throws(Failure) -> Metainfo {
    guard case .file(let path) = TorrentSource(source) else {
      throw Failure("'\(source)' is no torrent file; only 'apus download' takes URLs")
    }
    let metainfo = try TorrentSource.load(path)
    try checkPresence(metainfo.info, in: directory)
    return metainfo
  }

  /// A wrong folder is a mistake, not a download to be started.
  private static func checkPresence(_ info: Info, in directory: String) throws(Failure) {
    let files = info.files.lazy.filter { !$0.isPadding && $0.length > 0 }
    let isHere = files.contains { file in
      if case .file = FileSystem.kind(directory + "/" + file.path.joined(separator: "/")) {
        true
      } else {
        false
      }
    }
    guard isHere else {
      throw Failure("no file of '\(info.name)' is in '\(directory)'; give the folder that has it with --dir")
    }
  }
}
