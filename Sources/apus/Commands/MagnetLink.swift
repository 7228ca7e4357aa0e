import ArgumentParsing
import Metainfo

/// `apus magnet`: a torrent file's magnet link.
struct MagnetLink: RunnableCommand {
  static let name = "magnet"
  static let summary = "Print a torrent file's magnet link."
  static let parameters: [Parameter<Self>] = [
    .argument(
      \.file, "file", help: "A .torrent file, or '-' for standard input.", complete: .files("torrent"))
  ]
  var file = ""

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    guard case .file(let path) = TorrentSource(file) else {
      throw Failure("'\(file)' is no torrent file; name a .torrent file")
    }
    scene.console.line(Magnet(try TorrentSource.load(path)).description)
    return .success
  }
}
