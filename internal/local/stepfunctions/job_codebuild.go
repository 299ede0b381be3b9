package stepfunctions

// codeBuild is arn:aws:states:::codebuild:startBuild, which has no
// ".waitForTaskToken": that is for the SDK integration.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-codebuild.html.
var codeBuild = &jobService{
	service: "codebuild", start: "StartBuild", describe: "BatchGetBuilds", stop: "StopBuild",
	contentType: "application/x-amz-json-1.1",
	dialect:     dialect{prefix: "CodeBuild", base: "AWSCodeBuildException", label: "AWSCodeBuild", modelled: codeBuildCodes},
	dates:       []string{"EndTime", "StartTime"},
	form: objectOf(members{
		"ArtifactsOverride":                anything,
		"BuildStatusConfigOverride":        anything,
		"BuildspecOverride":                aText,
		"CacheOverride":                    anything,
		"CertificateOverride":              aText,
		"ComputeTypeOverride":              aText,
		"DebugSessionEnabled":              aFlag,
		"EncryptionKeyOverride":            aText,
		"EnvironmentTypeOverride":          aText,
		"EnvironmentVariablesOverride":     listOf(objectOf(members{"Name": aText, "Type": aText, "Value": aText}, "Name", "Value")),
		"GitCloneDepthOverride":            aNumber,
		"GitSubmodulesConfigOverride":      anything,
		"IdempotencyToken":                 aText,
		"ImageOverride":                    aText,
		"ImagePullCredentialsTypeOverride": aText,
		"InsecureSslOverride":              aFlag,
		"LogsConfigOverride":               anything,
		"PrivilegedModeOverride":           aFlag,
		"ProjectName":                      aText,
		"QueuedTimeoutInMinutesOverride":   aNumber,
		"RegistryCredentialOverride":       anything,
		"ReportBuildStatusOverride":        aFlag,
		"SecondaryArtifactsOverride":       anything,
		"SecondarySourcesOverride":         anything,
		"SecondarySourcesVersionOverride":  anything,
		"ServiceRoleOverride":              aText,
		"SourceAuthOverride":               anything,
		"SourceLocationOverride":           aText,
		"SourceTypeOverride":               aText,
		"SourceVersion":                    aText,
		"TimeoutInMinutesOverride":         aNumber,
	}, "ProjectName"),
	job: func(started map[string]any) jobNames {
		build, _ := started["Build"].(map[string]any)
		id := textOf(build, "Id")
		return jobNames{id: id, describe: map[string]any{"ids": []any{id}}, stop: map[string]any{"id": id}}
	},
	outcome: func(described map[string]any) jobOutcome {
		build := first(described, "Builds")
		status := textOf(build, "BuildStatus")
		if build == nil {
			return jobOutcome{}
		}
		return jobOutcome{ended: status != "IN_PROGRESS", succeeded: status == "SUCCEEDED", result: map[string]any{"Build": build}}
	},
}
