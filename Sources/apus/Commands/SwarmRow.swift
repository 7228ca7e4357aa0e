import BitTorrent

/// How a torrent's line looks.
enum SwarmRow {
  /// The row of a torrent that is at `status`.
  static func row(_ status: TorrentStatus, style: Style) -> ProgressRow {
    let down = style.isUnicode ? "↓" : "down "
    let up = style.isUnicode ? "↑" : "up "
    switch status.state {
    case .fetchingMetadata(let part):
      return ProgressRow(
        label: status.name, fraction: part, figures: ["fetching the torrent from peers", peers(status)])
    case .checking(let part):
      return ProgressRow(label: status.name, fraction: part, figures: ["checking what is here"])
    case .stopped(let reason):
      return ProgressRow(label: status.name, fraction: fraction(status), figures: ["stopped", reason])
    case .downloading:
      var figures = [
        "\(Figures.size(status.doneBytes)) of \(Figures.size(status.wantedBytes))",
        down + Figures.rate(status.downRate), up + Figures.rate(status.upRate), peers(status),
      ]
      if let left = Figures.remaining(status.wantedBytes - status.doneBytes, at: status.downRate) {
        figures.append(left)
      }
      return ProgressRow(label: status.name, fraction: fraction(status), figures: figures)
    case .seeding:
      let figures = [
        Figures.size(status.wantedBytes), "seeding", up + Figures.rate(status.upRate), peers(status),
        "\(Figures.size(status.uploaded)) sent",
      ]
      return ProgressRow(label: status.name, fraction: 1, figures: figures)
    }
  }

  /// The last row of a torrent that is complete.
  static func complete(_ status: TorrentStatus, seconds: Double) -> ProgressRow {
    var figures = [Figures.size(status.wantedBytes)]
    if status.downloaded > 0, seconds > 0 {
      figures += [
        "in \(seconds < 60 ? Figures.fixed(seconds, 1) + " s" : Figures.time(seconds))",
        Figures.rate(Double(min(status.downloaded, status.wantedBytes)) / seconds),
      ]
    } else {
      figures.append("was here already")
    }
    return ProgressRow(label: status.name, fraction: 1, figures: figures)
  }

  private static func fraction(_ status: TorrentStatus) -> Double {
    status.wantedBytes > 0 ? Double(status.doneBytes) / Double(status.wantedBytes) : 1
  }

  private static func peers(_ status: TorrentStatus) -> String {
    let seeds = status.seeds > 0 ? " (\(Figures.count(status.seeds, "seed")))" : ""
    return Figures.count(status.peers, "peer") + seeds
  }
}
