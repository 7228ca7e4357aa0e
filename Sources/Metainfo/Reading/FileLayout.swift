import Digest

/// Files laid out in piece space, with safe and unique paths.
struct FileLayout {
  var files: [File] = []
  var pieceCount = 0
  var contentLength: Int64 = 0
  var pieceSpace: Int64 = 0
  var filesByRoot: [SHA256Digest: Int] = [:]

  /// Lays `raw` out: one behind the other for v1 and hybrids, each at the next piece for v2.
  init(
    _ raw: [RawFile], name: String, version: TorrentVersion, pieceLength: Int, limits: MetainfoLimits
  ) throws(MetainfoError) {
    let unit = Int64(pieceLength)
    var paths = PathTable(capacity: raw.count)
    var position: Int64 = 0
    var targets = LinkTargets()
    let hasLinks = raw.contains { $0.attributes.linkTarget != nil }
    files.reserveCapacity(raw.count)
    for file in raw {
      if !version.hasV1 { position = (position + unit - 1) / unit * unit }
      let isPadding = file.attributes.isPadding
      let safe = [name] + file.path.map { SafeName.component($0) }
      let path = isPadding ? safe : paths.place(safe)
      if hasLinks, !isPadding { targets.add(file.path, safe: path) }
      let end = position + file.length
      guard end <= limits.maximumContentLength else {
        throw .contentTooLarge(limit: limits.maximumContentLength)
      }
      let first = Int(position / unit)
      let pieces = file.length == 0 ? first..<first : first..<Int((end + unit - 1) / unit)
      if let root = file.piecesRoot {
        if let other = filesByRoot[root] {
          guard files[other].length == file.length else { throw .conflictingRoots(path: file.text) }
        } else {
          filesByRoot[root] = files.count
        }
      }
      files.append(
        File(
          path: path, length: file.length, offset: position, kind: Self.kind(file),
          piecesRoot: file.piecesRoot, pieces: pieces))
      if file.length > 0 { pieceSpace = end }
      if !isPadding { contentLength += file.length }
      position = end
    }
    // Links may point to what comes after them.
    for (index, file) in raw.enumerated() {
      guard let target = file.attributes.linkTarget else { continue }
      files[index].kind = .symbolicLink(target: targets.resolve(target, from: file.path, name: name))
    }
    guard contentLength > 0 else { throw .noContent }
    let count = (pieceSpace + unit - 1) / unit
    guard count <= limits.maximumPieces else { throw .tooManyPieces(limit: limits.maximumPieces) }
    pieceCount = Int(count)
  }

  private static func kind(_ file: RawFile) -> File.Kind {
    if file.attributes.isPadding { return .padding }
    return .regular(isExecutable: file.attributes.isExecutable)
  }

  /// Checks that the v1 list of a hybrid says the same as the v2 tree, and gives the list the roots.
  static func merge(
    list: [RawFile], tree: [RawFile], pieceLength: Int
  ) throws(MetainfoError) -> [RawFile] {
    var merged = list
    var position: Int64 = 0
    var index = 0
    let unit = Int64(pieceLength)
    for position1 in list.indices {
      let file = list[position1]
      if file.attributes.isPadding {
        let fits = position % unit > 0 && position % unit + file.length <= unit
        guard file.length == 0 || fits else {
          throw .hybridMismatch(path: file.text, reason: "padding is longer than needed")
        }
        position += file.length
        continue
      }
      guard index < tree.count else {
        throw .hybridMismatch(path: file.text, reason: "it is not in the file tree")
      }
      let twin = tree[index]
      guard file.path == twin.path else {
        throw .hybridMismatch(path: file.text, reason: "the file tree has '\(twin.text)' in its place")
      }
      guard file.length == twin.length else {
        throw .hybridMismatch(path: file.text, reason: "its lengths are \(file.length) and \(twin.length)")
      }
      guard file.attributes.linkTarget == twin.attributes.linkTarget else {
        throw .hybridMismatch(path: file.text, reason: "it is a symbolic link in one and not the other")
      }
      guard file.length == 0 || position % unit == 0 else {
        throw .hybridMismatch(path: file.text, reason: "it does not begin at a piece")
      }
      merged[position1].piecesRoot = twin.piecesRoot
      merged[position1].attributes.isExecutable =
        file.attributes.isExecutable || twin.attributes.isExecutable
      position += file.length
      index += 1
    }
    if index < tree.count {
      throw .hybridMismatch(path: tree[index].text, reason: "it is not in the file list")
    }
    return merged
  }
}
