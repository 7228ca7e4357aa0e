import ArgumentParsing
import Digest
import JSON
import Metainfo
import PieceStorage
import Synchronization

/// `apus verify`: compares files with a torrent.
struct Verify: RunnableCommand {
  static let name = "verify"
  static let summary = "Compare files on disk with a torrent."
  static let discussion = """
    Reads everything, on all cores, and lists the files and pieces that are damaged. Changes nothing. Exits \
    with 0 only if all is whole.
    """
  static let parameters: [Parameter<Self>] = [
    .argument(
      \.file, "file", help: "A .torrent file, or '-' for standard input.", complete: .files("torrent")),
    .option(
      \.directory, "--dir", "-d", value: "folder", help: "Where the content is.", complete: .directories),
    .flag(\.json, "--json", help: "Print the result as one line of JSON."),
    .flag(\.quiet, "--quiet", "-q", help: "Show no progress and list nothing; the exit code tells."),
  ]
  var file = ""
  var directory = "."
  var json = false
  var quiet = false
  var wantsJSON: Bool { json }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    guard case .file(let path) = TorrentSource(file) else {
      throw Failure("'\(file)' is no torrent file; name a .torrent file")
    }
    let metainfo = try TorrentSource.load(path)
    guard case .folder = FileSystem.kind(directory) else {
      throw Failure("'\(directory)' is no folder; name the folder that has the content with --dir")
    }
    let info = metainfo.info
    let missing = metainfo.pieceLayers.missing(in: info).count
    guard missing == 0 || info.version.hasV1 else {
      throw Failure(
        "'\(path)' lacks the piece hashes of \(Figures.count(missing, "file")); get the complete torrent file"
      )
    }
    let display = ProgressDisplay(scene.console, isOn: !quiet && !json)
    let meter = PassMeter("checking \(info.name)", on: display)
    let storage = TorrentStorage(info: info, directory: directory)
    let check = PieceCheck(storage, layers: metainfo.pieceLayers) { progress in
      meter.report(progress.done, of: progress.total)
    }
    let report = check.run(threads: Process.processors)
    meter.finish(check.total)
    let result = VerificationReport(info: info, report: report, directory: directory)
    if json { scene.console.line(result.json.text) } else if !quiet { scene.console.write(result.text) }
    return report.isWhole ? .success : .failure
  }
}

/// What a verification found, for people and for programs.
private struct VerificationReport {
  let info: Info
  let report: CheckReport
  let directory: String

  var text: String {
    let pieces = Figures.count(info.pieceCount, "piece")
    guard !report.isWhole else {
      return "\(info.name.printable): whole, \(pieces), \(Figures.size(info.contentLength))\n"
    }
    var text = ""
    for fault in report.files { text += "\(path(fault).printable): \(words(fault.reason))\n" }
    if !report.damaged.isEmpty { text += "damaged pieces: \(ranges(report.damaged))\n" }
    let share = "\(Figures.grouped(report.damaged.count)) of \(pieces)"
    text += "\(info.name.printable): damaged, \(share) and \(Figures.count(report.files.count, "file")); "
    return text + "'apus download --dir \(directory.printable)' fetches them again\n"
  }

  var json: JSONValue {
    let files = report.files.map { fault -> JSONValue in
      ["path": .string(path(fault)), "problem": .string(words(fault.reason))]
    }
    return [
      "event": "verified", "torrent": .string(info.infoHash.description), "name": .string(info.name),
      "whole": .bool(report.isWhole), "pieces": JSONValue(info.pieceCount),
      "damaged_pieces": .array(report.damaged.map { JSONValue($0) }), "damaged_files": .array(files),
    ]
  }

  private func path(_ fault: FileFault) -> String {
    info.files.indices.contains(fault.file) ? info.files[fault.file].path.joined(separator: "/") : info.name
  }

  private func words(_ reason: FileFault.Reason) -> String {
    switch reason {
    case .missing: "missing"
    case .short(let size): "too short, \(Figures.grouped(Int(size))) bytes"
    case .long(let size): "too long, \(Figures.grouped(Int(size))) bytes"
    case .notAFile: "not a file"
    case .damaged(let pieces): "damaged, \(Figures.count(pieces, "piece"))"
    case .unreadable(let error): "unreadable: \(error)"
    }
  }

  /// `3, 7-9, 12`: no longer than a screen.
  private func ranges(_ pieces: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for piece in pieces {
      if let last = ranges.last, last.upperBound == piece - 1 {
        ranges[ranges.count - 1] = last.lowerBound...piece
      } else {
        ranges.append(piece...piece)
      }
    }
    let shown = ranges.prefix(100).map { range in
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
    return shown.joined(separator: ", ") + (ranges.count > 100 ? ", …" : "")
  }
}
