import TestSupport
import Testing

/// Has `seeder` seed a folder to `leecher` and compares what arrived.
///
/// The two find each other through a tracker of the test. `size` is that of the largest file.
func transfer(
  _ format: TorrentFormat, from seeder: ClientKind, to leecher: ClientKind, size: Int = 8 << 20,
  within limit: Duration = .seconds(50)
) async throws {
  try await withStage { stage in
    let source = try stage.folder.folder("source")
    try Payload(seed: 1).writeFolder(to: source + "/payload", size: size)
    let tracker = try stage.tracker()
    let torrent = stage.folder["payload.torrent"]
    try await Libtorrent.create(
      source + "/payload", format: format, pieceLength: 65536, tracker: tracker.url, output: torrent,
      on: stage)
    try await writePads(of: torrent, in: source, for: seeder, on: stage)

    let one = seeder.make(on: stage)
    let other = leecher.make(on: stage)
    tracker.add(one.address)
    tracker.add(other.address)
    try await one.seed(torrent, in: source)
    try await eventually("\(seeder) seeds") { tracker.isSeeding(one.address) }
    let target = try stage.folder.folder("target")
    try await other.download(torrent, into: target)
    try await eventually("\(leecher) has everything", within: limit) { try await other.isComplete() }
    let found = try differences(target, from: source, ignoring: ignored, emptyFiles: leecher.makesEmptyFiles)
    #expect(found == [])
  }
}

/// What clients store beside the content: pad files as files, and their own state.
let ignored = [".pad", ".apus", ".parts", ".aria2"]

/// Clients that do not know pad files (BEP 47) must find them on disk to have everything.
func writePads(of torrent: String, in folder: String, for client: ClientKind, on stage: Stage) async throws {
  guard client == .aria2 || client == .transmission else { return }
  for file in try await Libtorrent.show(torrent, on: stage).files where file.pad {
    try TemporaryFolder.writeZeros(file.size, to: folder + "/" + file.path)
  }
}
