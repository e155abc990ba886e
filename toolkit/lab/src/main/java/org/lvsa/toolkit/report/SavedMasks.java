// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.FilePattern;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.SavedMask;

/** The masks that a sweep kept beside its results, as pictures. */
final class SavedMasks {
  private SavedMasks() {}

  /** The masks of the measured cells, one per pattern, density and size; those that are there. */
  static List<BlockMaskPicture.Titled> of(Path directory, List<ResultRow> measured)
      throws IOException {
    List<BlockMaskPicture.Titled> masks = new ArrayList<>();
    Set<Path> seen = new LinkedHashSet<>();
    for (ResultRow row : measured) {
      Path file = SavedMask.path(directory, row.cell());
      if (!row.cell().isScale() && seen.add(file) && Files.isRegularFile(file)) {
        BlockMask mask = FilePattern.read(file).mask();
        masks.add(
            new BlockMaskPicture.Titled(
                String.format(Locale.ROOT, "%s %.3f", row.cell().patternName(), row.density()),
                mask));
      }
    }
    return masks;
  }
}
