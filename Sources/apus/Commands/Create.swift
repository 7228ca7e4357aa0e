import ArgumentParsing
import Digest
import Glibc
import JSON
import Metainfo

/// `apus create`: a torrent of a file or a folder.
struct Create: RunnableCommand {
  static let name = "create"
  static let summary = "Create a torrent of a file or a folder."
  static let discussion = """
    Hashes SHA-1 and SHA-256 in one read, on all cores. The same input and options give the same bytes, \
    but for the creation date; --no-date leaves it out. Prints the torrent's path.
    """
  static let parameters: [Parameter<Self>] = [
    .argument(\.path, "path", help: "What to share: a file or a folder.", complete: .files(nil)),
    .option(
      \.output, "--output", "-o", value: "file",
      help:
        "Where to write the torrent, '-' for standard output. Without it, the name of <path> with .torrent.",
      complete: .files("torrent")),
    .option(\.trackers, "--tracker", "-t", value: "url", help: "A tracker, each a tier of its own."),
    .option(\.webSeeds, "--web-seed", "-w", value: "url", help: "Where the content is on the web, too."),
    .option(
      \.pieceLength, "--piece-length", "-l", value: "size",
      help: "Bytes of a piece: a power of two from 16K. Without it, about 1,000 to 2,000 pieces."),
    .option(\.format, "--format", value: "format", help: "The kind of torrent."),
    .flag(\.isPrivate, "--private", help: "Peers only from its trackers."),
    .option(\.comment, "--comment", value: "text", help: "Free text for people."),
    .option(\.source, "--source", value: "text", help: "The site that it is for; changes the info-hash."),
    .flag(\.date, "--no-date", sets: false, help: "Leave the creation date out."),
    .flag(\.json, "--json", help: "Print the result as one line of JSON."),
    .flag(\.quiet, "--quiet", "-q", help: "Show no progress."),
  ]
  var path = ""
  var output: String?
  var trackers: [String] = []
  var webSeeds: [String] = []
  var pieceLength: ByteCount?
  var format = TorrentVersion.hybrid
  var isPrivate = false
  var comment: String?
  var source: String?
  var date = true
  var json = false
  var quiet = false
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    for url in trackers + webSeeds where !url.contains("://") {
      throw UsageProblem("'\(url)' is no URL; it should look like http://host:port/announce")
    }
    if let length = pieceLength?.bytes, length < 16384 || length > 256 << 20 || length & (length - 1) != 0 {
      throw UsageProblem("--piece-length: \(length) is not a power of two from 16K to 256M")
    }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let name = FileSystem.name(path)
    let display = ProgressDisplay(scene.console, isOn: !quiet && !json)
    let meter = PassMeter("hashing \(name)", on: display)
    let metainfo: Metainfo
    do throws(CreationError) {
      metainfo = try TorrentCreation.run(
        path: path, options: options, threads: Process.processors,
        progress: { meter.report($0.done, of: $0.total) })
    } catch {
      throw Failure("cannot create a torrent of '\(path)': \(error)")
    }
    meter.finish(metainfo.info.contentLength)
    let bytes = metainfo.encoded()
    let target = output ?? name + ".torrent"
    if target == "-" {
      scene.console.write(bytes)
      return .success
    }
    try FileSystem.replace(target, with: bytes)
    scene.console.line(json ? report(metainfo, target) : target)
    return .success
  }

  private var options: TorrentCreation.Options {
    var options = TorrentCreation.Options()
    options.pieceLength = pieceLength.map { Int($0.bytes) }
    options.version = format
    options.trackers = trackers.map { [$0] }
    options.webSeeds = webSeeds
    options.isPrivate = isPrivate
    options.comment = comment
    options.source = source
    options.creationDate = date ? Process.unixTime : nil
    options.createdBy = "apus"
    return options
  }

  private func report(_ metainfo: Metainfo, _ target: String) -> String {
    let info = metainfo.info
    let value: JSONValue = [
      "event": "created", "file": .string(target), "info_hash": .string(info.infoHash.description),
      "size": .integer(info.contentLength), "pieces": JSONValue(info.pieceCount),
      "piece_length": JSONValue(info.pieceLength), "format": .string(info.version.rawValue),
    ]
    return value.text
  }
}
