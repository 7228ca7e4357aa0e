import TestSupport
import Testing

/// Has `seeder` seed a folder to `leecher` and compares what arrived.
///
/// The two find each other through a tracker of the test. The torrent is ours where we seed, and
/// libtorrent's otherwise. `size` is that of the largest file. With `strippedOfLayers`, the leecher's
/// torrent lacks the piece layers (BEP 52), so that they must come from the seeder; with `byMagnet`, it gets a
/// magnet link instead of a torrent (BEP 9).
func transfer(
  _ format: TorrentFormat, from seeder: ClientKind, to leecher: ClientKind, size: Int = 8 << 20,
  strippedOfLayers: Bool = false, byMagnet: MagnetKind? = nil, within limit: Duration = .seconds(60)
) async throws {
  try await withStage { stage in
    try await transfer(
      format, from: seeder.make(on: stage), to: leecher.make(on: stage), size: size,
      strippedOfLayers: strippedOfLayers, byMagnet: byMagnet, within: limit, on: stage)
  }
}

/// The same with clients that have been prepared on `stage`.
func transfer(
  _ format: TorrentFormat, from seeder: any Client, to leecher: any Client, size: Int = 8 << 20,
  strippedOfLayers: Bool = false, byMagnet: MagnetKind? = nil, within limit: Duration = .seconds(60),
  on stage: Stage
) async throws {
  let source = try stage.folder.folder("source")
  try Payload(seed: 1).writeFolder(to: source + "/payload", size: size)
  let tracker = try stage.tracker()
  tracker.add(seeder.address)
  tracker.add(leecher.address)
  let torrent = stage.folder["payload.torrent"]
  if seeder.kind == .apus, format != .paddedV1 {
    try await ApusClient.succeed(
      [
        "create", source + "/payload", "--format", format.rawValue, "--piece-length", "65536", "--tracker",
        tracker.url, "--output", torrent,
      ], on: stage)
  } else {
    try await Libtorrent.create(
      source + "/payload", format: format, pieceLength: 65536, tracker: tracker.url, output: torrent,
      on: stage)
  }
  try await writePads(of: torrent, in: source, for: seeder, on: stage)
  var leechersTorrent = torrent
  if strippedOfLayers {
    leechersTorrent = stage.folder["stripped.torrent"]
    try await Libtorrent.strip(torrent, output: leechersTorrent, on: stage)
  }
  if let byMagnet {
    leechersTorrent = try await magnet(byMagnet, of: torrent, tracker.url, seeder.address, on: stage)
  }

  try await seeder.seed(torrent, in: source)
  try await eventually("\(seeder.kind) seeds", within: .seconds(40)) { tracker.isSeeding(seeder.address) }
  let target = try stage.folder.folder("target")
  try await leecher.download(leechersTorrent, into: target)
  try await eventually("\(leecher.kind) has everything", within: limit) { try await leecher.isComplete() }
  let found = try differences(
    target, from: source, ignoring: ignored, emptyFiles: leecher.kind.makesEmptyFiles)
  #expect(found == [])
}

/// What a magnet link has beside the info-hash.
enum MagnetKind: CaseIterable {
  case tracker, peer
}

/// The magnet link of a torrent, with a tracker, or with a peer alone.
func magnet(
  _ kind: MagnetKind, of torrent: String, _ tracker: String, _ peer: TestAddress, on stage: Stage
) async throws -> String {
  let shown = try await Libtorrent.show(torrent, on: stage)
  var link = "magnet:?dn=a%20name"
  if let hash = shown.v1 { link += "&xt=urn:btih:" + hash }
  if let hash = shown.v2 { link += "&xt=urn:btmh:1220" + hash }
  switch kind {
  case .tracker:
    let escaped = tracker.replacing(":", with: "%3A").replacing("/", with: "%2F")
    return link + "&tr=" + escaped
  case .peer: return link + "&x.pe=\(peer)"
  }
}

/// What clients store beside the content: pad files as files, and their own state.
let ignored = [".pad", ".apus", ".parts", ".aria2"]

/// Clients that do not know pad files (BEP 47) must find them on disk to have everything.
func writePads(of torrent: String, in folder: String, for client: any Client, on stage: Stage) async throws {
  guard client.kind == .aria2 || client.kind == .transmission else { return }
  for file in try await Libtorrent.show(torrent, on: stage).files where file.pad {
    try TemporaryFolder.writeZeros(file.size, to: folder + "/" + file.path)
  }
}
