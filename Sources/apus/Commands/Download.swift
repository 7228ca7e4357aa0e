import Addresses
import ArgumentParsing
import BitTorrent
import Metainfo

/// `apus download`: fetches what torrents describe, and exits when all is there.
struct Download: RunnableCommand {
  static let name = "download"
  static let summary = "Download what torrents describe; exit when all is there."
  static let discussion = """
    Downloads go on where they were: after a crash, too, only the last seconds are checked again. Exits \
    with 0 when everything is on disk and durable, and prints its path.
    """
  static let stopsCleanly = true
  static let parameters: [Parameter<Self>] =
    [
      .arguments(
        \.sources, "torrent", help: "A .torrent file, the URL of one (http, https), or a magnet link.",
        complete: .files("torrent")),
      .option(
        \.directory, "--dir", "-d", value: "folder", help: "Where the files go.", complete: .directories),
      .option(
        \.select, "--select", value: "glob",
        help: "Download only files whose path matches, such as '*.flac' or 'disc 1/*'."),
      .option(
        \.seedRatio, "--seed-ratio", value: "ratio",
        help: "Seed afterwards until so many times the size was sent."),
      .option(
        \.seedTime, "--seed-time", value: "time",
        help: "Seed afterwards for so long; with --seed-ratio, until either is reached."),
      .option(
        \.retry, "--retry", value: "time",
        help: "When a fault stops a torrent (disk full, folder gone), try again at this interval."),
      .option(
        \.eventInterval, "--event-interval", value: "time", help: "How often --json tells of progress.",
        isHidden: true),
      .flag(\.json, "--json", help: "Print events, one JSON object a line."),
      .flag(\.quiet, "--quiet", "-q", help: "Show no progress."),
    ] + Parameter.group(\.network, NetworkOptions.parameters)
  var sources: [String] = []
  var directory = "."
  var select: [String] = []
  var seedRatio: Double?
  var seedTime: TimeSpan?
  var retry: TimeSpan?
  var eventInterval = TimeSpan(seconds: 1)
  var json = false
  var quiet = false
  var network = NetworkOptions()
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    try network.validate()
    if let retry, retry.seconds < 1 { throw UsageProblem("--retry: the shortest interval is 1s") }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    var torrents: [(metainfo: Metainfo, options: AddOptions)] = []
    for source in sources {
      let metainfo = try await load(source)
      var options = AddOptions(directory: directory)
      options.peers = network.peers
      options.wanted = try wanted(metainfo.info)
      torrents.append((metainfo, options))
    }
    try FileSystem.makeFolder(directory)
    let session = try await network.session()
    let goal = SwarmRun.Goal.complete(ratio: seedRatio, seconds: seedTime?.seconds)
    let settings = SwarmRun.Settings(
      goal: goal, json: json, quiet: quiet, eventInterval: eventInterval.seconds, retry: retry?.seconds)
    var run = SwarmRun(session, settings, scene)
    for (metainfo, options) in torrents {
      let path = directory == "." ? metainfo.info.name : "\(directory)/\(metainfo.info.name)"
      try await run.add(metainfo, options, result: path)
    }
    return await run.run()
  }

  private func load(_ source: String) async throws(Failure) -> Metainfo {
    switch TorrentSource(source) {
    case .file(let path): return try TorrentSource.load(path)
    case .url(let url): return try await TorrentFetch.load(url)
    case .magnet:
      throw Failure(
        "magnet links cannot be downloaded yet: fetching a torrent from peers (BEP 9) is not there; "
          + "give the .torrent file or its URL")
    }
  }

  /// Which files the patterns choose; `nil` for all.
  private func wanted(_ info: Info) throws(Failure) -> [Bool]? {
    guard !select.isEmpty else { return nil }
    let wanted = info.files.map { file in
      !file.isPadding && select.contains { FileSystem.matches($0, file.path) }
    }
    guard wanted.contains(true) else {
      let patterns = select.map { "'\($0)'" }.joined(separator: ", ")
      throw Failure("no file of '\(info.name)' matches \(patterns); 'apus show' lists its files")
    }
    return wanted
  }
}
