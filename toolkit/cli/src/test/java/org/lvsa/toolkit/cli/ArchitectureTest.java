// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/**
 * Which package may use which. Maven sees to it that a module uses only the modules below it; this
 * test looks inside the modules.
 */
class ArchitectureTest {
  private static final JavaClasses OURS =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(location -> !location.contains("-tests.jar"))
          .importPackages("org.lvsa");

  @Test
  void packagesUseEachOtherInOneDirection() {
    assertTrue(OURS.contain(Lvsa.class), "the classes of this module were not found");
    assertTrue(
        OURS.contain(org.lvsa.toolkit.pattern.Pattern.class),
        "the classes of toolkit/core were not found");
    slices().matching("org.lvsa.(**)").should().beFreeOfCycles().check(OURS);
  }

  @Test
  void kernelsKnowNothingOfTheToolkit() {
    noClasses()
        .that()
        .resideInAPackage("org.lvsa.kernels..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.lvsa.toolkit..", "org.nd4j..")
        .check(OURS);
  }

  @Test
  void theCommandLineIsAtTheTop() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.lvsa.toolkit.cli..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.lvsa.toolkit.cli..", "picocli..")
        .check(OURS);
  }

  @Test
  void patternsAndLayoutsNeedNoNumericalLibrary() {
    classes()
        .that()
        .resideInAnyPackage("org.lvsa.kernels", "org.lvsa.toolkit.pattern")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "java..",
            "org.lvsa.kernels..",
            "org.lvsa.toolkit..",
            "com.fasterxml.jackson..",
            "org.jspecify.annotations..")
        .check(OURS);
  }
}
