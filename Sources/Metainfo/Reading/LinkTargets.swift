/// Where the symbolic links of a torrent point to. BEP 47 counts a target from the torrent's folder,
/// libtorrent writes targets that count from the link's own; the first of the two that the torrent
/// has counts, so that nothing outside can be meant.
struct LinkTargets {
  /// Safe paths by the components that the torrent uses, for files and folders.
  private var paths: [[[UInt8]]: [String]] = [:]

  /// Notes where a file of the torrent lies; `safe` begins with the torrent's name.
  mutating func add(_ path: [[UInt8]], safe: [String]) {
    for depth in 0...path.count {
      let key = Array(path.prefix(depth))
      if paths[key] == nil { paths[key] = Array(safe.prefix(depth + 1)) }
    }
  }

  /// The safe path that the link at `path` points to.
  func resolve(_ target: [[UInt8]], from path: [[UInt8]], name: String) -> [String] {
    let fromRoot = Self.normal(target)
    if let found = paths[fromRoot] { return found }
    if let found = paths[Self.normal(path.dropLast() + target)] { return found }
    return [name] + fromRoot.map { SafeName.component($0) }
  }

  /// Without dots; what would leave stays at the folder.
  private static func normal(_ path: [[UInt8]]) -> [[UInt8]] {
    var normal: [[UInt8]] = []
    for component in path where !component.isEmpty && !component.elementsEqual(".".utf8) {
      if component.elementsEqual("..".utf8) {
        _ = normal.popLast()
      } else {
        normal.append(component)
      }
    }
    return normal
  }
}
